"""Projected documents depend on what happened, not on how it was delivered."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.handlers import on_events
from services.reporting.queries import Reads
from services.reporting.sequences import count, merged, missing
from services.reporting.stores.memory import MemoryReadModels
from shared.bus import Delivery
from shared.events import alerts
from shared.events.base import Colour
from shared.events.envelope import Event
from shared.registry import Registry
from tests.builders import (
    ENTERPRISE,
    NOON,
    UNIT,
    enterprise_id,
    hazard_unit_declared,
    inspection_submitted,
    round_opened,
)
from tests.unit.reporting.risk_events import (
    alert,
    delivered,
    enterprise_assessed,
    event,
    finding_assessed,
    fold_event,
    hazard_raised,
    unit_assessed,
)

LOG: dict[str, list[Event]] = {
    "inspections.v1": [
        round_opened(),
        inspection_submitted(1),
        hazard_unit_declared(2),
        inspection_submitted(1, enterprise_id=enterprise_id(2)),
        round_opened(2),
        inspection_submitted(3),
    ],
    "risk.v1": [
        event(finding_assessed(offset=1)),
        event(enterprise_assessed(offset=1)),
        event(unit_assessed(1)),
        fold_event(2, applied=1),
        event(finding_assessed(offset=3, state="closed")),
        event(unit_assessed(3, colour=Colour.BLUE, at=NOON + timedelta(days=1))),
        fold_event(6, applied=4),
    ],
    "hazards.v1": [event(hazard_raised(1)), event(hazard_raised(3))],
    "alerts.v1": [
        event(alert(alerts.AlertOpened, 1)),
        event(alert(alerts.AlertEscalated, 2, minutes=60, state="escalated", tier="prefecture", from_tier="county")),
        event(alert(alerts.AlertAcknowledged, 3, minutes=70, state="acknowledged", by="x", note="", channel="page")),
    ],
}
PARTITIONS = {topic: [delivered(found, offset) for offset, found in enumerate(events)] for topic, events in LOG.items()}


async def batch_recomputation() -> dict[str, Any]:
    models = MemoryReadModels()
    for deliveries in PARTITIONS.values():
        await on_events(models, deliveries)
    return {name: rows for name, rows in models.collections.items() if rows}


def run(dice: Random) -> list[list[tuple[Delivery, Event]]]:
    """The log in batches: partitions interleaved in any order, each restarted from an earlier offset now and then."""
    batches = []
    position = dict.fromkeys(PARTITIONS, 0)
    while any(position[topic] < len(PARTITIONS[topic]) for topic in PARTITIONS):
        batch = []
        for topic in dice.sample(sorted(PARTITIONS), len(PARTITIONS)):
            start = dice.randint(0, position[topic]) if dice.random() < 0.4 else position[topic]
            end = dice.randint(start, len(PARTITIONS[topic]))
            batch += PARTITIONS[topic][start:end]
            position[topic] = max(position[topic], end)
        batches.append(batch)
    return batches


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
async def test_any_split_order_and_repetition_gives_the_same_documents(seed: int) -> None:
    models = MemoryReadModels()
    for batch in run(Random(seed)):
        await on_events(models, batch)
    assert {name: rows for name, rows in models.collections.items() if rows} == await batch_recomputation()


class Killed(Exception):
    """The process died."""


class DyingModels(MemoryReadModels):
    """Dies after so many documents, in the middle of a bulk write."""

    def __init__(self, survives: int) -> None:
        super().__init__()
        self.survives = survives

    async def replace_newer(self, writes: Any) -> None:
        for write in writes:
            if self.survives == 0:
                raise Killed
            self.survives -= 1
            await super().replace_newer([write])


@pytest.mark.parametrize("survives", range(0, 40, 3))
async def test_a_kill_in_the_middle_of_a_write_is_healed_by_the_repeated_batch(survives: int) -> None:
    models = DyingModels(survives)
    for deliveries in PARTITIONS.values():
        try:
            await on_events(models, deliveries)
        except Killed:
            models.survives = 10_000
            await on_events(models, deliveries)
    assert {name: rows for name, rows in models.collections.items() if rows} == await batch_recomputation()


async def test_progress_of_scoring_is_never_told_before_the_documents_it_covers() -> None:
    for survives in range(20):
        models = DyingModels(survives)
        try:
            await on_events(models, PARTITIONS["risk.v1"])
        except Killed:
            assert not models.collections["folds"] or len(models.collections["risk_history"]) == 2


async def test_an_older_result_never_replaces_a_newer_one() -> None:
    models = MemoryReadModels()
    await on_events(models, [delivered(event(unit_assessed(9, colour=Colour.BLUE)), 5)])
    await on_events(models, [delivered(event(unit_assessed(4, colour=Colour.RED)), 6)])
    found = await models.get("units", UNIT)
    assert found is not None
    assert found["colour"] == "blue"


async def test_a_drill_reaches_no_enterprise_document() -> None:
    models = MemoryReadModels()
    await on_events(models, [delivered(event(enterprise_assessed(drill=True)), 0)])
    assert not models.collections["enterprises"]


async def test_every_sequence_number_is_counted_once_and_a_hole_is_seen() -> None:
    models = MemoryReadModels()
    batch = [delivered(inspection_submitted(seq), offset) for offset, seq in enumerate((1, 2, 4))]
    await on_events(models, batch)
    await on_events(models, batch[1:])
    found = await models.get("subjects", f"0:{ENTERPRISE}")
    assert found is not None
    assert (found["seen"], found["gapped"], missing(found["spans"])) == (3, True, [[3, 3]])


async def test_an_enterprise_that_goes_on_in_another_unit_has_no_gap() -> None:
    models = MemoryReadModels()
    moved = inspection_submitted(3, unit_id="unit-02")
    for seq in (1, 2):
        await on_events(models, [delivered(inspection_submitted(seq), seq)])
    await on_events(models, [delivered(moved, 7, partition=1)])
    other = enterprise_id(2)
    progressed = [fold_event(3, 0, gaps={other: 1}), fold_event(8, 1, gaps={ENTERPRISE: 2})]
    await on_events(models, [delivered(each, at) for at, each in enumerate(progressed)])
    answer = await Reads(models, Registry()).completeness()
    assert answer["by_enterprise"] == [{"subject": other, "not_scored": 1}]


@given(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)))
def test_spans_hold_exactly_the_numbers_put_in(first: set[int], second: set[int]) -> None:
    spans = merged(merged([], first), second)
    assert [number for low, high in spans for number in range(low, high + 1)] == sorted(first | second)
    assert count(spans) == len(first | second)
    holes = {number for low, high in missing(spans) for number in range(low, high + 1)}
    assert holes == set(range(1, max(first | second, default=0) + 1)) - (first | second)
