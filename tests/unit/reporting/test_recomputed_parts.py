"""The parts of the index, guidance given, accidents and the response to alerts, recomputed from the raw events."""

import statistics
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, TypeVar

import pytest

from services.reporting.handlers import on_events
from shared.events import alerts
from shared.events.base import Data
from shared.events.envelope import Event
from shared.events.inspections import (
    AccidentReported,
    EnterpriseWithdrawn,
    GuidanceRecorded,
    InspectionSubmitted,
    InstallationDeclared,
    InstallationWithdrawn,
    KeyTaskProgressed,
    ParkAssessed,
    RoundOpened,
)
from shared.events.risk import EnterpriseAssessed
from tests.event_log import event_log
from tests.unit.reporting.folded import Folded, folded_log
from tests.unit.reporting.frozen_worlds import freezer_of, frozen
from tests.unit.reporting.raw_findings import COUNTY, EXPERT, SELF, STAGES, RawFindings
from tests.unit.reporting.risk_events import alert, delivered, event

UNIT, ROUND = "unit-00", "2023-1"
STARTS = datetime(2023, 2, 13, tzinfo=UTC)
WEIGHTS = {
    "enterprise_grades": 30,
    "major_findings": 25,
    "rectification": 15,
    "coverage": 10,
    "old_installations": 8,
    "chemical_parks": 6,
    "key_tasks": 6,
}
D = TypeVar("D", bound=Data)


@pytest.fixture(scope="module", params=range(1, 5))
def world(request: pytest.FixtureRequest) -> Folded:
    """One round of two units, in which nobody is withdrawn."""
    events = event_log(request.param, units=2, enterprises=6, rounds=1)
    return folded_log([event for event in events if not isinstance(event.data, EnterpriseWithdrawn)], 3, 20)


@pytest.fixture
async def content(world: Folded) -> dict[str, Any]:
    found: dict[str, Any] = (await frozen(await freezer_of(world), UNIT, ROUND)).content()
    return found


def log_of(world: Folded) -> list[Event]:
    return [found for where, found in world.deliveries if where.topic == "inspections.v1" and found.key == UNIT]


def said(world: Folded, kind: type[D]) -> list[D]:
    """What the unit's log says of a kind, drills left out."""
    data = [found.data for found in log_of(world)]
    return [one for one in data if isinstance(one, kind) and not getattr(one, "drill", False)]


def components(world: Folded) -> dict[str, float]:
    """The seven parts by the words of the index's rule set, from raw events."""
    opened, raw = said(world, RoundOpened)[-1], RawFindings().read(log_of(world))
    enrolled = len(opened.enterprises)
    done = {
        stage: {row.enterprise_id for row in said(world, InspectionSubmitted) if row.stage == stage} for stage in STAGES
    }
    standing = [place for place in raw.places.values() if not place.closed and place.grade == "major"]
    late = [place for place in raw.places.values() if raw.overdue(place)]
    progress = {row.task_id: row.progress for row in said(world, KeyTaskProgressed)}
    bands = [_band(row.score) for row in {row.park_id: row for row in said(world, ParkAssessed)}.values()]
    plants = _installations(world)
    expert = min(1.0, len(done[EXPERT]) / (opened.expert_target or 1)) if opened.expert_target else 1.0
    resolved = raw.closed[ROUND] + len(late)
    return {
        "major_findings": 1 - min(1, (len(standing) + sum(raw.overdue(place) for place in standing)) / enrolled),
        "rectification": raw.timely[ROUND] / resolved if resolved else 1.0,
        "coverage": 0.5 * len(done[SELF]) / enrolled + 0.3 * len(done[COUNTY]) / enrolled + 0.2 * expert,
        "old_installations": sum(_settled(plant, raw.day) for plant in plants) / len(plants),
        "chemical_parks": statistics.mean(bands),
        "key_tasks": statistics.mean(progress.get(task.id, 0.0) for task in opened.key_tasks),
    }


def _band(score: float) -> float:
    """Bands A to D of 应急〔2023〕123号: A below 60, B below 70, C below 85."""
    return next(value for bound, value in ((60, 0.0), (70, 0.4), (85, 0.8), (101, 1.0)) if score < bound)


def _installations(world: Folded) -> list[InstallationDeclared]:
    standing: dict[tuple[str, str], InstallationDeclared] = {}
    for found in log_of(world):
        if isinstance(found.data, InstallationDeclared) and not found.data.drill:
            standing[found.data.enterprise_id, found.data.installation_id] = found.data
        elif isinstance(found.data, InstallationWithdrawn):
            standing.pop((found.data.enterprise_id, found.data.installation_id), None)
    return list(standing.values())


def _settled(plant: InstallationDeclared, day: date) -> bool:
    age = (day - plant.commissioned_on).days / 365.25
    return plant.treatment is not None or age < min(20, plant.design_life_years or 20)


def test_the_parts_of_the_index_are_what_the_log_gives(content: dict[str, Any], world: Folded) -> None:
    told = {row["id"]: row["score"] for row in content["components"]}
    for name, score in components(world).items():
        assert told[name] == pytest.approx(score, abs=1e-6), name


def test_the_part_of_the_enterprises_weighs_their_grades_by_their_hazard_units(
    content: dict[str, Any], world: Folded
) -> None:
    rows = [found.data for _, found in world.deliveries if isinstance(found.data, EnterpriseAssessed)]
    last = {row.enterprise_id: row for row in rows if row.unit_id == UNIT and not row.drill}
    graded = [(1 + 5 - (row.highest_level or 5), min(row.grade.score, 100)) for row in last.values() if row.grade]
    wanted = sum(weight * score for weight, score in graded) / sum(weight for weight, _ in graded) / 100
    told = {row["id"]: row["score"] for row in content["components"]}
    assert told["enterprise_grades"] == pytest.approx(wanted, abs=1e-6)


def test_the_index_is_the_weighted_sum_of_its_parts(content: dict[str, Any]) -> None:
    rows = [row for row in content["components"] if row["score"] is not None]
    assert {row["id"]: row["weight"] for row in content["components"]} == WEIGHTS
    weighed = sum(WEIGHTS[row["id"]] * row["score"] for row in rows)
    assert content["index"] == pytest.approx(100 * weighed / sum(WEIGHTS[row["id"]] for row in rows), abs=1e-4)


def test_guidance_and_accidents_are_what_the_log_tells(content: dict[str, Any], world: Folded) -> None:
    given = said(world, GuidanceRecorded)
    kinds = Counter(row.kind for row in given)
    told = content["guidance"]
    assert (told["visits"], told["advice"], told["trainings"]) == (kinds["visit"], kinds["advice"], kinds["training"])
    assert told["hours"] == pytest.approx(sum(row.hours for row in given))
    assert told["people"] == sum(row.people for row in given)
    last = {str(row.accident_id): row for row in said(world, AccidentReported)}
    assert {row["accident_id"]: (row["deaths"], row["grade"]) for row in content["accidents"]} == {
        name: (row.deaths, _decree_493(row)) for name, row in last.items()
    }


def _decree_493(accident: AccidentReported) -> str:
    """Article 3: by the dead (missing count as dead), the seriously injured or the loss, whichever is gravest."""
    dead, hurt, loss = accident.deaths + accident.missing, accident.serious_injuries, accident.direct_loss_yuan
    bounds = (("extraordinary", 30, 100, 1e8), ("major", 10, 50, 5e7), ("larger", 3, 10, 1e7))
    return next((grade for grade, d, h, y in bounds if dead >= d or hurt >= h or loss >= y), "ordinary")


@pytest.mark.parametrize("seed", range(1, 6))
async def test_the_response_to_alerts_is_what_the_events_of_notify_tell(seed: int) -> None:
    world, dice = folded_log(event_log(seed, units=1, enterprises=2, rounds=1)), Random(seed)
    freezer, history = await freezer_of(world), _histories(dice)
    await on_events(freezer.models, [delivered(event(one), offset) for offset, one in enumerate(history)])
    told = (await frozen(freezer, UNIT, ROUND)).content()["alert_response"]
    real = [one for one in history if not one.drill]
    opened = {one.alert_id: one for one in real if isinstance(one, alerts.AlertOpened)}
    answered: dict[Any, float] = {}
    for one in real:
        if isinstance(one, alerts.AlertAcknowledged):
            answered.setdefault(one.alert_id, (one.at - one.opened_at).total_seconds() / 60)
    last = {one.alert_id: one for one in real}
    minutes = sorted(answered.values())
    assert (told["alerts"], told["acknowledged"]) == (len(opened), len(answered))
    assert told["median_minutes"] == pytest.approx(statistics.median(minutes))
    assert told["longest_minutes"] == pytest.approx(minutes[-1])
    assert told["escalated"] == sum(one.tier != "county" for one in last.values())
    assert told["closed_unanswered"] == sum(
        one.state == "closed" and name not in answered for name, one in last.items()
    )
    for severity, row in told["by_severity"].items():
        own = [answered[name] for name, one in last.items() if one.severity == severity and name in answered]
        assert row["alerts"] == sum(one.severity == severity for one in last.values())
        assert row["acknowledged"] == len(own)
        assert row["median_minutes"] == (pytest.approx(statistics.median(own)) if own else None)


def _histories(dice: Random) -> list[alerts.AlertSnapshot]:
    """Twenty alerts: some escalate, some are answered (some twice), some are closed, some are drills."""
    found: list[alerts.AlertSnapshot] = []
    for number in range(20):
        opened = STARTS + timedelta(hours=dice.randrange(1, 900))
        common: dict[str, Any] = {
            "name": f"a-{number}",
            "unit_id": UNIT,
            "severity": dice.choice(("extreme", "severe", "moderate")),
            "opened_at": opened,
            "drill": dice.random() < 0.2,
        }
        steps: list[tuple[type[alerts.AlertSnapshot], dict[str, Any]]] = [(alerts.AlertOpened, {"state": "open"})]
        tier = "county"
        if dice.random() < 0.4:
            tier = "prefecture"
            steps.append((alerts.AlertEscalated, {"state": "escalated", "from_tier": "county"}))
        answer = {"state": "acknowledged", "by": "x", "note": "", "channel": "page"}
        steps += [(alerts.AlertAcknowledged, answer)] * dice.randrange(3)
        if dice.random() < 0.5:
            steps.append((alerts.AlertClosed, {"state": "closed", "reason": "cleared"}))
        at = opened
        for version, (kind, more) in enumerate(steps, 1):
            own_tier = "county" if version == 1 else tier
            found.append(alert(kind, version, **common, at=at, tier=own_tier, **more))
            at += timedelta(minutes=dice.randrange(1, 300))
    return found
