"""An evaluation's figures against a plain recomputation from the raw events of the log."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from services.reporting.freezing import Freezer
from services.reporting.handlers import on_events
from services.reporting.stores.memory import MemoryEvaluations, MemoryReadModels
from services.reporting.suggestions import load_suggestions
from shared.events.base import Outcome, Stage
from shared.events.envelope import Event
from shared.events.inspections import EnterpriseWithdrawn, GuidanceRecorded, InspectionSubmitted, RoundOpened
from shared.registry import Registry
from shared.rulesets import load
from tests.unit.reporting.folded import Folded, batches, folded

ROUND, UNITS = "2023-1", ("unit-00", "unit-01")


def log_of(world: Folded, unit: str) -> list[Event]:
    return [event for where, event in world.deliveries if where.topic == "inspections.v1" and event.key == unit]


def inspections(log: list[Event]) -> list[InspectionSubmitted]:
    """What stands for each submission key of the round: the last submission, drills left out."""
    last = {}
    for event in log:
        data = event.data
        if isinstance(data, InspectionSubmitted) and data.round_id == ROUND and not data.drill:
            last[data.enterprise_id, data.stage, data.checklist] = data
    return list(last.values())


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("seed", [1, 2])
async def test_rates_stages_and_guidance_equal_a_recomputation_from_the_log(seed: int, unit: str) -> None:
    world, models = folded(seed=seed, units=2, enterprises=5, rounds=1), MemoryReadModels()
    for batch in batches(world):
        await on_events(models, batch)
    now = datetime(2023, 7, 1, tzinfo=UTC)
    own = Freezer(models, MemoryEvaluations(), Registry(), load(), load_suggestions(), lambda: now)
    frozen = await own.freeze(ROUND, unit, "test")
    assert frozen is not None
    found, log = frozen.content(), log_of(world, unit)

    opened = [event.data for event in log if isinstance(event.data, RoundOpened)][-1]
    gone = {event.data.enterprise_id for event in log if isinstance(event.data, EnterpriseWithdrawn)}
    enrolled = set(opened.enterprises) - gone
    rates = {row["id"]: row for row in found["rates"]}
    for rate, stage in (("self_inspection", Stage.SELF_INSPECTION), ("re_examination", Stage.RE_EXAMINATION)):
        done = {row.enterprise_id for row in inspections(log) if row.stage is stage} & enrolled
        assert (rates[rate]["part"], rates[rate]["whole"]) == (len(done), len(enrolled))
        assert {row["enterprise_id"] for row in rates[rate]["behind"]} == enrolled - done

    given = [event.data for event in log if isinstance(event.data, GuidanceRecorded) and not event.data.drill]
    assert sum(row["hours"] for row in found["guidance_records"]) == sum(row.hours for row in given)
    assert Counter(row["kind"] for row in found["guidance_records"]) == Counter(row.kind for row in given)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_stage_is_said_to_have_found_what_it_never_reported(seed: int) -> None:
    world, models = folded(seed=seed, units=1, enterprises=4, rounds=1), MemoryReadModels()
    for batch in batches(world):
        await on_events(models, batch)
    reported = {stage: set[object]() for stage in Stage}
    for event in log_of(world, "unit-00"):
        if isinstance(event.data, InspectionSubmitted) and not event.data.drill:
            reported[event.data.stage] |= {
                row.finding_id for row in event.data.results if row.outcome is Outcome.FINDING
            }
    own = Freezer(
        models, MemoryEvaluations(), Registry(), load(), load_suggestions(), lambda: datetime(2023, 7, 1, tzinfo=UTC)
    )
    frozen = await own.freeze(ROUND, "unit-00", "test")
    assert frozen is not None
    agreed = frozen.content()["agreement"]
    for stage in Stage:
        assert 0 < agreed["by_stage"][stage] <= len(reported[stage])
    assert sum(agreed["found_by"].values()) <= len(set.union(*reported.values()))
    estimate = agreed["estimate"]
    assert estimate["low"] <= estimate["total"] <= estimate["high"]
