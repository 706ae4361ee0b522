"""The log written again from intake's store is the log as it was: same records, same order, same bytes."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.republishing import Republishing
from services.intake.stores.accepted import Accepted, by_number
from services.intake.stores.memory import MemorySubmissionStore
from shared.bus import Delivery
from shared.events.base import name_id
from shared.memory_bus import MemoryBus
from tests.builders import NOON
from tests.intake_world import E1, E2, FANGSHAN, FOREIGN, LINZI, World, hazard_unit, inspection, round_body

ZONE = ZoneInfo("Asia/Shanghai")


class MemoryAccepted:
    """What `MongoAccepted` reads, of a store in memory."""

    def __init__(self, store: MemorySubmissionStore) -> None:
        self._store = store

    async def in_order(self) -> Sequence[Accepted]:
        rows = self._store._by_id.values()
        return list(by_number(sorted(Accepted(r.accepted_at, r.seq, r.subject, r.after_revision, r.id) for r in rows)))

    async def all_published(self) -> None:
        await self._store.mark_published(list(self._store._by_id))


def by_key(records: Sequence[Delivery]) -> dict[bytes, list[tuple[Any, ...]]]:
    found: dict[bytes, list[tuple[Any, ...]]] = {}
    for record in records:
        found.setdefault(record.key or b"", []).append((record.value, record.headers))
    return found


def told(records: Sequence[Delivery]) -> dict[bytes, list[tuple[Any, ...]]]:
    """By key, without intake's counts, which only say how far publishing has come."""
    return {key: found for key, found in by_key(records).items() if not key.startswith(b"counts/")}


async def announced(world: World) -> None:
    """Waits until every change is on the log and every enrolled unit has its day."""
    today = world.time.now.astimezone(ZONE).date()
    async with asyncio.timeout(5):
        while True:
            changes, days = await world.adapters.changes.after(0, 1000), await world.adapters.changes.days()
            if await world.adapters.changes.cursor() == len(changes) and set(days.values()) == {today}:
                return
            await asyncio.sleep(0.01)


async def pass_days(world: World, days: int) -> None:
    world.time.now += timedelta(days=days)
    await announced(world)


async def work(world: World) -> None:
    """Three weeks: submissions, a late enrolment change, a withdrawn enterprise, a closed round, days in between."""
    await announced(world)
    assert (await world.submit("/v1/inspections", E1, inspection(findings=("5",)))).status_code == 201
    await pass_days(world, 1)
    assert (await world.submit("/v1/hazard-units", E1, hazard_unit())).status_code == 201
    world.time.now += timedelta(seconds=1)
    assert (await world.submit("/v1/inspections", E2, inspection(E2))).status_code == 201
    world.time.now += timedelta(minutes=5)
    enrolment = {"round_id": "2023-1", "unit_id": LINZI, "guidance_class": "improvement", "enterprises": [E1]}
    await world.put("enrolments", f"2023-1:{LINZI}", enrolment)
    await announced(world)
    world.time.now += timedelta(minutes=5)
    body = inspection(FOREIGN, unit_id=FANGSHAN)
    assert (await world.submit("/v1/inspections", FOREIGN, body)).status_code == 201
    await pass_days(world, 3)
    await world.ok("DELETE", f"/v1/registry/enterprises/{E2}")
    await announced(world)
    world.time.now += timedelta(minutes=5)
    again = inspection(findings=("7",), supersedes_reason="corrected")
    assert (await world.submit("/v1/inspections", E1, again)).status_code == 201
    await pass_days(world, 2)
    await world.put("rounds", "2023-1", round_body(status="closed"))
    await announced(world)
    await pass_days(world, 1)
    await world.until_published()


async def test_a_log_written_again_is_the_log_as_it_was(world: World) -> None:
    await work(world)
    fresh = MemoryBus()
    adapters = world.adapters
    again = Republishing(
        MemoryAccepted(adapters.submissions), adapters.submissions, adapters.changes, fresh.publisher(), ZONE
    )
    count = await again.run()
    for topic in ("inspections.v1", "registry.v1"):
        assert told(fresh.records(topic)) == told(world.bus.records(topic)), topic
    assert count == len(fresh.records("inspections.v1")) + len(fresh.records("registry.v1"))
    types = {record.event().type for record in fresh.records("inspections.v1")}
    assert {"keycounty.day.started.v1", "keycounty.round.closed.v1", "keycounty.enterprise.withdrawn.v1"} <= types


async def test_an_erasure_changes_nothing_of_the_log(world: World) -> None:
    await work(world)
    adapters = world.adapters
    for id in [each.id for each in adapters.submissions._by_id.values()]:
        for person in (await world.ok("GET", f"/v1/inspections/{id}", "national"))["persons"]:
            assert (await world.ok("DELETE", f"/v1/persons/{person}?reason=asked"))["submissions"] > 0
    fresh = MemoryBus()
    await Republishing(
        MemoryAccepted(adapters.submissions), adapters.submissions, adapters.changes, fresh.publisher(), ZONE
    ).run()
    assert told(fresh.records("inspections.v1")) == told(world.bus.records("inspections.v1"))


async def test_afterwards_nothing_waits_to_be_published(world: World) -> None:
    await work(world)
    adapters = world.adapters
    again = Republishing(
        MemoryAccepted(adapters.submissions), adapters.submissions, adapters.changes, MemoryBus().publisher(), ZONE
    )
    await again.run()
    assert not await adapters.submissions.pending(range(16), 10)
    assert await adapters.changes.cursor() == len(await adapters.changes.after(0, 1000))


@given(st.permutations(range(1, 8)), st.permutations(range(1, 5)))
def test_a_subject_keeps_its_numbers_whatever_the_clocks_said(first: list[int], second: list[int]) -> None:
    rows = [
        Accepted(NOON + timedelta(seconds=at), seq, subject, 0, name_id("x", subject, str(seq)))
        for subject, numbers in (("a", first), ("b", second))
        for at, seq in enumerate(numbers)
    ]
    found = list(by_number(sorted(rows)))
    assert sorted(found) == sorted(rows)
    for subject, count in (("a", 7), ("b", 4)):
        assert [each.seq for each in found if each.subject == subject] == list(range(1, count + 1))


def test_a_gap_in_a_chain_is_an_error() -> None:
    rows = [Accepted(NOON, seq, "a", 0, name_id("x", str(seq))) for seq in (1, 3)]
    with pytest.raises(ValueError, match="chains of a"):
        list(by_number(rows))
