"""Problems, agreement, honesty, strictness and Chapman's estimate, recomputed from the raw events.

Plain Python over submissions and rectifications; nothing that scoring or reporting derived is looked at.
"""

import math
from collections import Counter, defaultdict
from datetime import UTC, datetime
from fractions import Fraction
from statistics import NormalDist
from typing import Any

import pytest

from services.reporting.freezing import Freezer
from services.reporting.handlers import on_events
from services.reporting.stores.memory import MemoryEvaluations, MemoryReadModels
from services.reporting.suggestions import load_suggestions
from shared.events.envelope import Event
from shared.events.inspections import InspectionSubmitted
from shared.registry import Registry
from shared.rulesets import load
from tests.unit.reporting.folded import batches, folded
from tests.unit.reporting.raw_findings import COUNTY, EXPERT, SELF, RawFindings

ROUND, UNIT = "2023-1", "unit-00"


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
    places = RawFindings().read(log).places
    problems, agreed = content["problems"], content["agreement"]
    by_item = Counter(f"{place.checklist}/{place.item}" for place in places.values())
    assert {row["key"]: row["total"] for row in problems["by_item"]} == by_item
    assert (problems["total"], problems["open"]) == (len(places), sum(not place.closed for place in places.values()))
    behind = defaultdict(set)
    for place in places.values():
        behind[f"{place.checklist}/{place.item}"].add(place.enterprise)
    assert {row["key"]: set(row["enterprises"]) for row in problems["by_item"]} == behind
    stages = {stage: sum(stage in place.stages(ROUND) for place in places.values()) for stage in (SELF, COUNTY, EXPERT)}
    assert agreed["by_stage"] == stages
    assert {row["key"]: row["total"] for row in problems["by_stage"]} == stages
    assert agreed["found_by"] == Counter(
        "+".join(place.stages(ROUND)) for place in places.values() if place.stages(ROUND)
    )


@pytest.mark.parametrize("seed", range(1, 7))
async def test_honesty_strictness_and_chapman_equal_a_recomputation_from_the_raw_events(seed: int) -> None:
    content, log = await frozen(seed)
    places, agreed = list(RawFindings().read(log).places.values()), content["agreement"]
    major = [place for place in places if place.stages(ROUND) and place.grade == "major"]
    others = [place for place in major if {COUNTY, EXPERT} & set(place.stages(ROUND))]
    assert _parts(agreed["honesty"]) == (sum(SELF in place.stages(ROUND) for place in others), len(others))
    expert = [place for place in major if EXPERT in place.stages(ROUND)]
    assert _parts(agreed["strictness"]) == (sum(COUNTY in place.stages(ROUND) for place in expert), len(expert))
    by = {stage: {event.data.enterprise_id for event in log if _inspected(event, stage)} for stage in (SELF, EXPERT)}
    both = [place.stages(ROUND) for place in places if place.enterprise in by[SELF] & by[EXPERT]]
    first, second = (sum(stage in stages for stages in both) for stage in (SELF, EXPERT))
    common = sum({SELF, EXPERT} <= set(stages) for stages in both)
    estimate = agreed["estimate"]
    assert (estimate["first"], estimate["second"], estimate["both"]) == (first, second, common)
    assert estimate["total"] == pytest.approx((first + 1) * (second + 1) / (common + 1) - 1)
    assert (estimate["low"], estimate["high"]) == pytest.approx(_interval(first, second, common))


def _interval(first: int, second: int, common: int) -> tuple[float, float]:
    """95 % log-normal on the unseen part (Chao 1987) with Seber's variance (1970) of Chapman's estimate."""
    missed = Fraction((first - common) * (second - common), common + 1)
    variance = Fraction((first + 1) * (second + 1), (common + 1) ** 2) * (first - common) * (second - common)
    sigma = math.sqrt(math.log1p(variance / (common + 2) / missed**2))
    spread = math.exp(NormalDist().inv_cdf(0.975) * sigma)
    found = first + second - common
    return found + float(missed) / spread, found + float(missed) * spread


def _parts(share: dict[str, Any]) -> tuple[int, int]:
    return share["part"], share["whole"]


def _inspected(event: Event, stage: str) -> bool:
    data = event.data
    standing = isinstance(data, InspectionSubmitted) and data.round_id == ROUND and not data.drill
    return standing and data.stage == stage
