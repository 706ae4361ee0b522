"""Problems, agreement, honesty, strictness and Chapman's estimate, recomputed from the raw events.

Plain Python over submissions and rectifications; nothing that scoring or reporting derived is looked at.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.reporting.freezing import Freezer
from services.reporting.handlers import on_events
from services.reporting.stores.memory import MemoryEvaluations, MemoryReadModels
from services.reporting.suggestions import load_suggestions
from shared.events.envelope import Event
from shared.events.inspections import InspectionSubmitted, RectificationReported
from shared.registry import Registry
from shared.rulesets import load
from tests.unit.reporting.folded import batches, folded

ROUND, UNIT = "2023-1", "unit-00"
SELF, COUNTY, EXPERT = "self_inspection", "re_examination", "expert_verification"


@dataclass
class Place:
    """What the raw log says of one finding: by whom it was reported, and what became of it."""

    enterprise: str
    checklist: str
    item: str
    by: dict[str, str] = field(default_factory=dict)
    grades: dict[str, str] = field(default_factory=dict)
    grade: str = ""
    closed: bool = False

    @property
    def stages(self) -> list[str]:
        return [stage for stage in (SELF, COUNTY, EXPERT) if self.by.get(stage) == "finding"]


def recomputed(log: list[Event]) -> dict[UUID, Place]:
    """The findings of the round, from submissions and rectifications in their order."""
    places: dict[UUID, Place] = {}
    for event in log:
        data = event.data
        if isinstance(data, InspectionSubmitted) and data.round_id == ROUND and not data.drill:
            _take(places, data)
        if isinstance(data, RectificationReported) and not data.drill and data.finding_id in places:
            closes = {"verified": True, "rejected": False}
            places[data.finding_id].closed = closes.get(data.action, places[data.finding_id].closed)
    return places


def _take(places: dict[UUID, Place], data: InspectionSubmitted) -> None:
    """The submission speaks for its stage from now on: of what it reports, of whole items and of places by reference;
    what it leaves out of those it reported before is no longer said.
    """
    stage = str(data.stage)
    answered = {row.item: str(row.outcome) for row in data.results if row.outcome != "finding" and not row.ref}
    by_ref = {row.finding_id: str(row.outcome) for row in data.results if row.outcome != "finding" and row.ref}
    reported = set()
    for row in data.results:
        if row.outcome == "finding":
            assert row.finding_id is not None
            place = places.setdefault(row.finding_id, Place(data.enterprise_id, data.checklist, row.item))
            place.by[stage], place.closed = "finding", False
            place.grades[stage] = str(row.grade or "major")
            place.grade = _grade(place)
            reported.add(row.finding_id)
    for name, place in places.items():
        if (place.enterprise, place.checklist) == (data.enterprise_id, data.checklist) and name not in reported:
            word = by_ref.get(name) or answered.get(place.item)
            place.by[stage] = word or "silent"
            place.grade = _grade(place) if word else place.grade  # silence leaves the grade as it stood


async def frozen(seed: int) -> tuple[dict[str, Any], list[Event]]:
    world, models = folded(seed=seed, units=2, enterprises=6, rounds=1), MemoryReadModels()
    for batch in batches(world):
        await on_events(models, batch)
    now = datetime(2023, 7, 1, tzinfo=UTC)
    own = Freezer(models, MemoryEvaluations(), Registry(), load(), load_suggestions(), lambda: now)
    found = await own.freeze(ROUND, UNIT, "test")
    assert found is not None
    log = [event for where, event in world.deliveries if where.topic == "inspections.v1" and event.key == UNIT]
    return found.content(), log


@pytest.mark.parametrize("seed", range(1, 7))
async def test_problems_and_agreement_equal_a_recomputation_from_the_raw_events(seed: int) -> None:
    content, log = await frozen(seed)
    places = recomputed(log)
    problems, agreed = content["problems"], content["agreement"]
    by_item = Counter(f"{place.checklist}/{place.item}" for place in places.values())
    assert {row["key"]: row["total"] for row in problems["by_item"]} == by_item
    assert (problems["total"], problems["open"]) == (len(places), sum(not place.closed for place in places.values()))
    behind = defaultdict(set)
    for place in places.values():
        behind[f"{place.checklist}/{place.item}"].add(place.enterprise)
    assert {row["key"]: set(row["enterprises"]) for row in problems["by_item"]} == behind
    stages = {stage: sum(stage in place.stages for place in places.values()) for stage in (SELF, COUNTY, EXPERT)}
    assert agreed["by_stage"] == stages
    assert {row["key"]: row["total"] for row in problems["by_stage"]} == stages
    assert agreed["found_by"] == Counter("+".join(place.stages) for place in places.values() if place.stages)


@pytest.mark.parametrize("seed", range(1, 7))
async def test_honesty_strictness_and_chapman_equal_a_recomputation_from_the_raw_events(seed: int) -> None:
    content, log = await frozen(seed)
    places, agreed = list(recomputed(log).values()), content["agreement"]
    major = [place for place in places if place.stages and place.grade == "major"]
    others = [place for place in major if {COUNTY, EXPERT} & set(place.stages)]
    assert _parts(agreed["honesty"]) == (sum(SELF in place.stages for place in others), len(others))
    expert = [place for place in major if EXPERT in place.stages]
    assert _parts(agreed["strictness"]) == (sum(COUNTY in place.stages for place in expert), len(expert))
    by = {stage: {event.data.enterprise_id for event in log if _inspected(event, stage)} for stage in (SELF, EXPERT)}
    both = [place.stages for place in places if place.enterprise in by[SELF] & by[EXPERT]]
    first, second = (sum(stage in stages for stages in both) for stage in (SELF, EXPERT))
    common = sum({SELF, EXPERT} <= set(stages) for stages in both)
    estimate = agreed["estimate"]
    assert (estimate["first"], estimate["second"], estimate["both"]) == (first, second, common)
    assert estimate["total"] == pytest.approx((first + 1) * (second + 1) / (common + 1) - 1)


def _parts(share: dict[str, Any]) -> tuple[int, int]:
    return share["part"], share["whole"]


def _grade(place: Place) -> str:
    """The highest stage's that still reports it; the last one standing when none does."""
    return next((place.grades[stage] for stage in (EXPERT, COUNTY, SELF) if stage in place.stages), place.grade)


def _inspected(event: Event, stage: str) -> bool:
    data = event.data
    standing = isinstance(data, InspectionSubmitted) and data.round_id == ROUND and not data.drill
    return standing and data.stage == stage
