"""An evaluation's figures against a plain recomputation from the raw events of the log."""

import statistics
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from services.reporting.freezing import Freezer
from services.reporting.handlers import on_events
from services.reporting.stores.memory import MemoryEvaluations, MemoryReadModels
from services.reporting.suggestions import load_suggestions
from shared.events.base import Outcome, Stage
from shared.events.envelope import Event
from shared.events.inspections import (
    EnterpriseWithdrawn,
    GuidanceRecorded,
    HazardUnitDeclared,
    HazardUnitWithdrawn,
    InspectionSubmitted,
    KeyTaskProgressed,
    RoundOpened,
)
from shared.events.risk import UnitAssessed
from shared.registry import Registry
from shared.rulesets import load
from tests.unit.reporting.folded import Folded, batches, folded
from tests.unit.reporting.frozen_worlds import freezer_of, frozen

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
    made = await own.freeze(ROUND, unit, "test")
    assert made is not None
    found, log = made.content(), log_of(world, unit)

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
    made = await own.freeze(ROUND, "unit-00", "test")
    assert made is not None
    agreed = made.content()["agreement"]
    for stage in Stage:
        assert 0 < agreed["by_stage"][stage] <= len(reported[stage])
    assert sum(agreed["found_by"].values()) <= len(set.union(*reported.values()))
    estimate = agreed["estimate"]
    assert estimate["low"] <= estimate["total"] <= estimate["high"]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_hazard_coverage_and_key_tasks_equal_a_recomputation_from_the_log(seed: int) -> None:
    world = folded(seed=seed, units=1, enterprises=6, rounds=1)
    found, log = await frozen_content(world, "unit-00"), log_of(world, "unit-00")
    gone = {event.data.enterprise_id for event in log if isinstance(event.data, EnterpriseWithdrawn)}
    standing: dict[tuple[str, str], HazardUnitDeclared] = {}
    tasks: dict[str, float] = {}
    for data in (event.data for event in log):
        if isinstance(data, HazardUnitDeclared) and not data.drill:
            standing[data.enterprise_id, data.hazard_unit_id] = data
        elif isinstance(data, HazardUnitWithdrawn):
            standing.pop((data.enterprise_id, data.hazard_unit_id), None)
        elif isinstance(data, KeyTaskProgressed) and not data.drill:
            tasks[data.task_id] = data.progress
    declared = [unit for (enterprise, _), unit in standing.items() if enterprise not in gone]
    inspected = {row.enterprise_id for row in inspections(log)}
    covered = [unit for unit in declared if unit.enterprise_id in inspected and all(_named(unit))]
    coverage = next(row for row in found["rates"] if row["id"] == "hazard_coverage")
    assert (coverage["part"], coverage["whole"]) == (len(covered), len(declared))
    behind = {(row["enterprise_id"], name) for row in coverage["behind"] for name in row["lacking"]}
    assert behind == {(unit.enterprise_id, unit.hazard_unit_id) for unit in declared if unit not in covered}
    assert {row["id"]: row["progress"] for row in found["key_tasks"]} == tasks | {
        row["id"]: None for row in found["key_tasks"] if row["id"] not in tasks
    }


def _named(unit: HazardUnitDeclared) -> list[bool]:
    return [unit.responsible.get(role) is not None for role in ("principal", "technical", "operational")]


async def test_medians_places_and_trend_equal_plain_python_over_the_last_results() -> None:
    world = folded(seed=4, units=5, enterprises=4, rounds=2)
    last = {(event.data.unit_id, event.data.round_id): event.data for event in _assessed(world)}
    now = [row for (_, round_id), row in last.items() if round_id == "2023-2"]
    unit = await frozen_content(world, "unit-02", "2023-2")
    indices = [row.index for row in now if row.index is not None]
    assert unit["national_median"] == pytest.approx(statistics.median(indices))
    same = [
        row.index for row in now if row.index is not None and row.guidance_class == unit["guidance_class"]["decided"]
    ]
    assert unit["class_median"] == pytest.approx(statistics.median(same))
    for row in unit["components"]:
        scores = [
            part.score for one in now for part in one.components if part.id == row["id"] and part.score is not None
        ]
        assert row["national_median"] == pytest.approx(statistics.median(scores))
    assert [row["index"] for row in unit["trend"]] == [last["unit-02", name].index for name in ("2023-1", "2023-2")]
    nation = await frozen_content(world, None, "2023-2")
    places = {row["unit_id"]: row["place"] for row in nation["ranking"]}
    assert places == {
        row.unit_id: 1 + sum(other > row.index for other in indices) for row in now if row.index is not None
    }


def _assessed(world: Folded) -> list[Event]:
    return [event for _, event in world.deliveries if isinstance(event.data, UnitAssessed)]


async def frozen_content(world: Folded, unit_id: str | None, round_id: str = ROUND) -> dict[str, Any]:
    found: dict[str, Any] = (await frozen(await freezer_of(world), unit_id, round_id)).content()
    return found
