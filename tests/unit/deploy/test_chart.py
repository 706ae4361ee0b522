"""The Helm chart as helm rendered it: what cannot be installed without a cluster is at least what we say it is."""

from typing import Any

import pytest
import yaml

from deploy.local.ports import SERVICES, Ports
from services.intake.settings import IntakeSettings
from services.notify.settings import NotifySettings
from services.reporting.settings import ReportingSettings
from services.scoring.settings import ScoringSettings
from tests.chart import RENDERED, ROOT, digest

MANIFESTS: list[dict[str, Any]] = [found for found in yaml.safe_load_all(RENDERED.read_text("utf-8")) if found]
MODELS = {
    "intake": IntakeSettings,
    "scoring": ScoringSettings,
    "notify": NotifySettings,
    "reporting": ReportingSettings,
}


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    found = {each["metadata"]["name"]: each for each in MANIFESTS if each["kind"] == kind}
    assert found, f"the chart makes no {kind}"
    return found


def pods() -> dict[str, dict[str, Any]]:
    workloads = of_kind("Deployment") | of_kind("Job")
    return {name: each["spec"]["template"]["spec"] for name, each in workloads.items()}


def container(name: str) -> dict[str, Any]:
    (found,) = pods()[f"keycounty-{name}"]["containers"]
    return dict(found)


def test_the_rendering_is_that_of_the_chart_as_it_stands() -> None:
    first = RENDERED.read_text("utf-8").splitlines()[0]
    assert digest() in first, "the chart has changed: run `make chart`"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_where_the_others_look_for_it_and_is_probed(name: str) -> None:
    port = Ports().service(name)
    made = container(name)
    assert made["args"] == [f"services.{name}"]
    assert made["ports"] == [{"name": "http", "containerPort": port}]
    assert {"name": "KEYCOUNTY_PORT", "value": str(port)} in made["env"]
    assert made["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert made["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert of_kind("Service")[f"keycounty-{name}"]["spec"]["ports"][0]["port"] == port


@pytest.mark.parametrize("name", pods())
def test_no_pod_is_root_or_writes_to_its_image_or_talks_to_the_cluster(name: str) -> None:
    pod = pods()[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    for each in pod["containers"]:
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert each["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_is_one_that_the_service_knows(name: str) -> None:
    known = {f"KEYCOUNTY_{field.upper()}" for field in MODELS[name].model_fields}
    known |= {f"{field}_FILE" for field in known}
    common = {
        f"KEYCOUNTY_{field.upper()}{end}"
        for each in MODELS.values()
        for field in each.model_fields
        for end in ("", "_FILE")
    }
    assert {each["name"] for each in container(name)["env"]} <= known
    assert set(of_kind("ConfigMap")["keycounty-settings"]["data"]) <= common


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_cannot_start_without_is_given(name: str) -> None:
    given = of_kind("ConfigMap")["keycounty-settings"]["data"].keys() | {
        each["name"] for each in container(name)["env"]
    }
    needed = {f"KEYCOUNTY_{field.upper()}" for field, info in MODELS[name].model_fields.items() if info.is_required()}
    assert {each for each in needed if each not in given and f"{each}_FILE" not in given} == set()


def test_each_service_scales_alone_and_survives_a_drained_node() -> None:
    replicas = {name: each["spec"]["replicas"] for name, each in of_kind("Deployment").items()}
    assert replicas == {"keycounty-intake": 2, "keycounty-scoring": 3, "keycounty-notify": 2, "keycounty-reporting": 2}
    assert of_kind("PodDisruptionBudget").keys() == of_kind("Deployment").keys()


def test_the_topics_are_made_before_the_services_need_them() -> None:
    ((_, job),) = of_kind("Job").items()
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["deploy.cli", "topics", "ensure"]


def test_the_rules_of_prometheus_come_along() -> None:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text("utf-8"))
    assert of_kind("PrometheusRule")["keycounty"]["spec"] == rules
