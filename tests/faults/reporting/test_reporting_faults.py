"""kill -9 of reporting while it projects, rebuilds and freezes: afterwards every figure is as if nothing had happened.

`FAULT_ROUNDS` kills of each kind, each at another moment. A short round of each runs in `make test`
(`tests/integration/reporting/test_reporting_kills.py`), where every document is compared with a recomputation.
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.system import ROUND, County, System, eventually, results, running

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(1800)]
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "5"))
# What alerts change in an evaluation while the log stands still: notify goes on telling what became of its messages.
OF_ALERTS = {"alert_response", "cut_off", "evaluation_id", "sha256", "supersedes", "frozen_at"}


class Counting(County):
    """A county that counts its submissions: intake tells its own counts every ten seconds only."""

    sent = 0

    def inspect(self, enterprise: str, **more: Any) -> None:
        assert self.system.submit("/v1/inspections", enterprise, self.inspection(enterprise, **more)).status == 201
        self.sent += 1


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Any:
    data: Path = tmp_path_factory.mktemp("reporting") / "data"
    with running(data, "--max-deaths", "200") as system:
        found = Counting(system).register(enterprises=12)
        for enterprise in found.enterprises:
            found.inspect(enterprise, results=results("5"))
        eventually(lambda: whole(found), 90, "everything projected")
        yield found


def asked(system: System, path: str, key: str = "national") -> Any:
    try:
        answer = system.call("GET", "reporting", path, key)
    except (OSError, HTTPException):
        return None  # killed, and not back yet
    return answer.json if answer.status == 200 else None


def whole(county: Counting) -> bool:
    """Everything sent, and what scoring made of it, is in the read models."""
    found = asked(county.system, "/v1/completeness")
    return bool(found and found["missing"] == 0 and found["scored"] == found["projected"] == county.sent)


def killed(system: System) -> None:
    before = system.run["pids"]["reporting"]
    system.kill("reporting")
    eventually(lambda: system.run["pids"]["reporting"] != before, 60, "reporting started again")


def wrong_in(number: int) -> tuple[str, ...]:
    """The items of a correction: 5, and in odd ones 6 as well."""
    return ("5", "6") if number % 2 else ("5",)


def corrected(county: Counting, number: int, kill_after: int | None = None) -> None:
    """Every enterprise corrects its inspection."""
    wrong = wrong_in(number)
    for place, enterprise in enumerate(county.enterprises):
        # No two alike: intake answers the same body again with the receipt it has given.
        county.inspect(enterprise, results=results(*wrong), supersedes_reason=f"synthetic {county.sent}")
        if place == kill_after:
            killed(county.system)


@pytest.mark.parametrize("number", range(1, ROUNDS + 1))
def test_a_kill_while_events_are_projected_loses_none_and_counts_none_twice(county: Counting, number: int) -> None:
    system = county.system
    corrected(county, number, kill_after=Random(number).randrange(len(county.enterprises)))
    eventually(lambda: whole(county), 90, "everything projected")
    found = asked(system, f"/v1/units/{county.unit}/findings?limit=500")["items"]
    assert len({row["finding_id"] for row in found}) == len(found) == 2 * len(county.enterprises)
    said = {row["finding_id"] for row in found if row["verdicts"]["self_inspection"]["outcome"] == "finding"}
    assert said == {row["finding_id"] for row in found if row["item"] in wrong_in(number)}
    risk = eventually(lambda: asked(system, f"/v1/units/{county.unit}/risk/explain"), 30, "the unit")
    assert risk["counts"]["open_major"] == len(found)  # what is no longer reported stays open, disputed


@pytest.mark.parametrize("number", range(1, ROUNDS + 1))
def test_a_kill_in_the_middle_of_a_rebuild_is_gone_on_from(county: Counting, number: int) -> None:
    system = county.system
    before = figures(county)
    live = asked(system, "/v1/rebuilds", "admin")["live"]
    assert system.call("POST", "reporting", "/v1/rebuilds", "admin").status == 202
    for _ in range(Random(number).randint(1, 2)):
        killed(system)
    eventually(lambda: (asked(system, "/v1/rebuilds", "admin") or {}).get("live") == live + 1, 120, "the switch")
    eventually(lambda: whole(county), 60, "everything in the new read models")
    assert figures(county) == before


def figures(county: Counting) -> Any:
    """What the pages show of the unit and of each of its enterprises."""
    paths = [f"/v1/units/{county.unit}/risk/explain", f"/v1/units/{county.unit}/findings?limit=500"]
    paths += [f"/v1/rounds/{ROUND}/indicators", *(f"/v1/enterprises/{name}" for name in county.enterprises)]
    return [eventually(lambda path=path: asked(county.system, path), 30, path) for path in paths]


@pytest.mark.parametrize("number", range(1, ROUNDS + 1))
def test_a_kill_in_the_middle_of_a_freeze_leaves_the_evaluation_whole_or_absent(county: Counting, number: int) -> None:
    system, body = county.system, {"round_id": ROUND, "unit_id": county.unit}
    corrected(county, number + 1)
    eventually(lambda: whole(county), 90, "everything projected")
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(frozen, system, body) for _ in range(8)]
        for answer in answers[: Random(number).randrange(4)]:
            answer.result()
        killed(system)
        told = [found for answer in answers if (found := answer.result())]
    again = eventually(lambda: frozen(system, body), 60, "a freeze after the restart")
    line = {one["evaluation_id"]: one for one in (*told, again)}
    assert [{name for name in again if found[name] != again[name]} - OF_ALERTS for found in told] == [set()] * len(told)
    cuts = {json.dumps(one["cut_off"], sort_keys=True) for one in line.values()}
    assert len(line) == len(cuts) == len({one["supersedes"] for one in line.values()})
    for name, one in line.items():
        assert asked(system, f"/v1/evaluations/{name}") == one
        assert one["cut_off"]["inspections.v1"] == again["cut_off"]["inspections.v1"]


def frozen(system: System, body: Any) -> Any:
    try:
        answer = system.call("POST", "reporting", "/v1/evaluations", "national", body)
    except (OSError, HTTPException):
        return None  # killed before it answered
    return answer.json if answer.status == 201 else None
