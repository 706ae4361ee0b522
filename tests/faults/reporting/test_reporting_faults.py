"""kill -9 of reporting while it projects, rebuilds and freezes: afterwards every figure is as if nothing had
happened.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.system import ROUND, County, System, eventually, results, running

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Any:
    data: Path = tmp_path_factory.mktemp("reporting") / "data"
    with running(data, "--max-deaths", "20") as system:
        found = County(system).register(enterprises=12)
        for enterprise in found.enterprises:
            assert (
                system.submit("/v1/inspections", enterprise, found.inspection(enterprise, results=results("5"))).status
                == 201
            )
        eventually(lambda: whole(system), 90, "nothing missing")
        yield found


def asked(system: System, path: str, key: str = "national") -> Any:
    try:
        answer = system.call("GET", "reporting", path, key)
    except OSError:
        return None  # killed, and not back yet
    return answer.json if answer.status == 200 else None


def whole(system: System) -> bool:
    found = asked(system, "/v1/completeness")
    return bool(found and found["missing"] == 0 and found["accepted"] == found["projected"] > 0)


def killed(system: System) -> None:
    before = system.run["pids"]["reporting"]
    system.kill("reporting")
    eventually(lambda: system.run["pids"]["reporting"] != before, 60, "reporting started again")


def test_a_kill_while_events_are_projected_loses_none_and_counts_none_twice(county: County) -> None:
    system = county.system
    for place, enterprise in enumerate(county.enterprises):
        body = county.inspection(enterprise, results=results("5", "6"), supersedes_reason="synthetic correction")
        assert system.submit("/v1/inspections", enterprise, body).status == 201
        if place == 5:
            killed(system)
    eventually(lambda: whole(system), 90, "nothing missing")
    risk = eventually(lambda: asked(system, f"/v1/units/{county.unit}/risk/explain"), 30, "the unit")
    assert risk["counts"]["open_major"] == 2 * len(county.enterprises)
    found = asked(system, f"/v1/units/{county.unit}/findings?limit=500")
    assert len({row["finding_id"] for row in found["items"]}) == len(found["items"]) == 2 * len(county.enterprises)


def test_a_kill_in_the_middle_of_a_rebuild_is_gone_on_from(county: County) -> None:
    system = county.system
    before = asked(system, f"/v1/units/{county.unit}/risk/explain")
    live = asked(system, "/v1/rebuilds", "admin")["live"]
    assert system.call("POST", "reporting", "/v1/rebuilds", "admin").status == 202
    killed(system)
    eventually(lambda: (asked(system, "/v1/rebuilds", "admin") or {}).get("live") == live + 1, 120, "the switch")
    eventually(lambda: whole(system), 60, "nothing missing in the new read models")
    assert asked(system, f"/v1/units/{county.unit}/risk/explain") == before


def test_a_kill_around_a_freeze_leaves_the_evaluation_whole_or_absent(county: County) -> None:
    system, body = county.system, {"round_id": ROUND, "unit_id": county.unit}
    first = system.ok("POST", "reporting", "/v1/evaluations", "national", body)
    killed(system)
    again = eventually(lambda: frozen(system, body), 60, "a freeze after the restart")
    assert again == first
    assert asked(system, f"/v1/evaluations/{first['evaluation_id']}") == first


def frozen(system: System, body: Any) -> Any:
    try:
        answer = system.call("POST", "reporting", "/v1/evaluations", "national", body)
    except OSError:
        return None
    return answer.json if answer.status == 201 else None
