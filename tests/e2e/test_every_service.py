"""What every HTTP service has: health, metrics, its description, problem details, a correlation id; and that dashboards
and rules ask for the metrics that there are.
"""

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.system import County, System, call

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

SERVICES = ("intake", "scoring", "notify", "reporting")
DEPLOY = Path(__file__).parents[2] / "deploy"
METRIC = re.compile(r"keycounty_[a-z_]+")
PARTS = re.compile(r"_(bucket|count|sum|created)$")


@pytest.mark.parametrize("name", SERVICES)
def test_health_metrics_and_description_need_no_key(system: System, name: str) -> None:
    url = system.run["services"][name]
    assert call("GET", f"{url}/health/live").status == 200
    ready = call("GET", f"{url}/health/ready")
    assert (ready.status, ready.json["failing"]) == (200, {})
    described = call("GET", f"{url}/openapi.json").json
    assert described["openapi"].startswith("3.")
    assert "/health/ready" in described["paths"]
    metrics = call("GET", f"{url}/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert b"process_resident_memory_bytes" in metrics.body


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_not_there_is_told_as_a_problem_under_the_callers_correlation_id(system: System, name: str) -> None:
    answer = call("GET", f"{system.run['services'][name]}/v1/no-such-thing", X_Correlation_Id="mine-1")
    headers = {header.lower(): value for header, value in answer.headers.items()}
    assert answer.status == 404
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-correlation-id"] == "mine-1"
    assert answer.json["status"] == 404
    assert answer.json["instance"] == "/v1/no-such-thing"
    assert {"type", "title", "detail"} <= answer.json.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_a_correlation_id_that_cannot_be_told_on_is_replaced(system: System, name: str) -> None:
    answer = call("GET", f"{system.run['services'][name]}/health/live", X_Correlation_Id="two words")
    headers = {header.lower(): value for header, value in answer.headers.items()}
    assert re.fullmatch(r"[0-9a-f]{32}", headers["x-correlation-id"])


@pytest.mark.parametrize("name", ["intake", "notify", "reporting"])
def test_lists_are_limited_and_give_a_cursor_that_goes_on(county: County, name: str) -> None:
    path = {"intake": "/v1/registry/enterprises", "notify": "/v1/alerts", "reporting": "/v1/units"}[name]
    assert county.system.call("GET", name, f"{path}?limit=501", "national").status == 422
    assert county.system.call("GET", name, f"{path}?cursor=never", "national").status == 400
    first = county.system.ok("GET", name, f"{path}?limit=1", "national")
    assert first.keys() == {"items", "next_cursor"}
    if first["next_cursor"] is not None:
        second = county.system.ok("GET", name, f"{path}?limit=1&cursor={first['next_cursor']}", "national")
        assert second["items"] != first["items"]


def test_dashboards_and_rules_ask_for_the_metrics_that_services_have_and_leave_none_out(system: System) -> None:
    had = {found for name in SERVICES for found in declared(system, name)}
    asked = {PARTS.sub("", found) for expression in expressions() for found in METRIC.findall(expression)}
    assert asked - had == set(), "no service has these"
    assert had - asked == set(), "nobody looks at these"


def declared(system: System, name: str) -> set[str]:
    """Our metrics of a service, by the names that samples of theirs have."""
    lines = call("GET", f"{system.run['services'][name]}/metrics").body.decode().splitlines()
    kinds = [line.split()[2:4] for line in lines if line.startswith("# TYPE keycounty_")]
    return {metric for metric, _ in kinds if not metric.endswith("_created")}


def expressions() -> list[str]:
    panels = json.loads((DEPLOY / "grafana" / "key-county.json").read_text("utf-8"))["panels"]
    shown = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    (rules,) = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text("utf-8"))["groups"]
    return shown + [rule["expr"] for rule in rules["rules"]]
