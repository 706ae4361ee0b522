"""Which replica comes first for an alert; in which order a replica takes what is due, and whose events it publishes."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from services.notify.dispatch import BUSY_SECONDS, LEFT_FOR, RECORDED_BEHIND, Dispatcher
from services.notify.outbox import FEWEST, SHARE, Relay
from services.notify.outbox import LEFT_FOR as WAITED
from services.notify.ports import Saving
from services.notify.replicas import Replicas
from services.notify.rules.alert import Alert, Step, StepKind
from services.notify.rules.snapshots import enveloped, opened_event
from services.notify.stages import Stages
from services.notify.stores.memory import MemoryAlertStore, MemoryBeats, MemoryLedger
from shared.events.envelope import Event
from shared.memory_bus import MemoryBus
from tests.unit.notify.test_timing_and_sending import alert

NOW = datetime(2023, 2, 20, 1, 0, tzinfo=UTC)
IDS = [str(uuid.UUID(int=number)) for number in range(1, 301)]


async def seen_by(names: str) -> list[Replicas]:
    """Replicas that have all seen each other."""
    beats = MemoryBeats()
    found = [Replicas(beats, name, lambda: NOW) for name in names]
    for replica in [*found, *found]:
        await replica.step()
    return found


async def test_each_alert_is_of_one_replica_and_each_has_about_its_share() -> None:
    replicas = await seen_by("abc")
    shares = [{id for id in IDS if replica.mine(id)} for replica in replicas]
    assert sum(len(share) for share in shares) == len(IDS) == len(set().union(*shares))
    assert min(len(share) for share in shares) > len(IDS) / 5


async def test_when_a_replica_goes_only_its_alerts_change_hands() -> None:
    before, after = await seen_by("abc"), await seen_by("ab")
    for old, new in zip(before, after, strict=False):
        assert {id for id in IDS if old.mine(id)} <= {id for id in IDS if new.mine(id)}


async def test_alone_every_alert_is_ones_own() -> None:
    assert all(Replicas(MemoryBeats(), "a", lambda: NOW).mine(id) for id in IDS)


async def test_a_newcomer_sends_only_when_the_others_have_had_time_to_see_it() -> None:
    beats = MemoryBeats()
    first, second = (Replicas(beats, name, lambda: NOW) for name in "ab")
    assert not first.known
    await first.step()
    await second.step()
    assert first.known
    assert not second.known
    await second.step()
    assert second.known


async def open_with_events(store: MemoryAlertStore, waiting: Mapping[str, datetime]) -> None:
    """Alerts by id, each with an event that has waited since."""
    for id, since in waiting.items():
        change = alert(id=id)
        await store.insert([Saving(change, 0, enveloped(change, (opened_event(change, ()),), since))])


async def published(stored: dict[str, datetime], own: set[str]) -> set[str]:
    """Whose events a relay publishes; `stored`: alerts and since when their events have waited."""
    store, bus = MemoryAlertStore(), MemoryBus()
    await open_with_events(store, stored)
    relay = Relay([store], MemoryLedger(), bus.publisher(), lambda: NOW, own.__contains__, asyncio.Lock())
    await relay.drain()
    return stored.keys() - (await store.unpublished(100)).keys()


async def test_a_relay_publishes_its_own_at_once_and_what_others_leave_after_a_while() -> None:
    own, others, left = IDS[:3]
    stored = {own: NOW, others: NOW, left: NOW - WAITED - timedelta(seconds=1)}
    assert await published(stored, {own}) == {own, left}


async def test_a_relay_alone_publishes_everything() -> None:
    assert await published(dict.fromkeys(IDS[:3], NOW), set(IDS)) == set(IDS[:3])


@pytest.mark.parametrize(("waiting", "pieces"), [(3, [3]), (9, [FEWEST, FEWEST, 1]), (100, [20] * SHARE)])
async def test_a_relay_hands_on_few_at_a_time_more_when_more_wait_and_in_the_end_all(
    waiting: int, pieces: list[int]
) -> None:
    published: list[int] = []

    class Pieces(MemoryAlertStore):
        async def published(self, events: Mapping[str, Sequence[Event]]) -> None:
            published.append(len(events))
            await super().published(events)

    store = Pieces()
    await open_with_events(store, dict.fromkeys(IDS[:waiting], NOW))
    await Relay([store], MemoryLedger(), MemoryBus().publisher(), lambda: NOW, lambda _: True, asyncio.Lock()).drain()
    assert published == pieces
    assert await store.unpublished(200) == {}


class Working:
    """Stages that note which alert they were given and take it out of what is due. They hold it while it is told until
    `may_tell`, and told but not yet stored so until `may_store`; both are so at first."""

    def __init__(self, store: MemoryAlertStore) -> None:
        self.store = store
        self.taken: list[str] = []
        self.may_tell, self.may_store = asyncio.Event(), asyncio.Event()
        self.may_tell.set()
        self.may_store.set()

    async def work(self, found: Alert, done: Callable[[], None]) -> None:
        self.taken.append(found.id)
        await self.may_tell.wait()
        done()
        await self.may_store.wait()
        told = found.model_copy(update={"steps": (), "version": found.version + 1})
        await self.store.save(Saving(told, found.version, ()))


@asynccontextmanager
async def dispatching(
    store: MemoryAlertStore, mine: Callable[[str], bool]
) -> AsyncGenerator[tuple[Working, Dispatcher]]:
    """One step at a time; within ten seconds."""
    working = Working(store)
    dispatcher = Dispatcher(store, cast(Stages, working), lambda: NOW, 1, lambda: True, mine)
    running = asyncio.create_task(dispatcher.run())
    async with asyncio.timeout(10):
        yield working, dispatcher
    await dispatcher.stop()
    await running


def due_since(id: str, since: datetime) -> Alert:
    return alert(id=id, steps=(Step(id="first-1", kind=StepKind.FIRST, due=since),))


async def come(store: MemoryAlertStore, dispatcher: Dispatcher, ids: Sequence[str]) -> None:
    """Alerts that come one after the other, each due when it comes."""
    for id in ids:
        found = due_since(id, NOW - timedelta(hours=1) + timedelta(seconds=IDS.index(id)))
        await store.insert([Saving(found, 0, ())])
        dispatcher.offer([found])


async def taken(due: dict[str, datetime], own: set[str], count: int) -> list[str]:
    """The first so many alerts that a replica takes; `due`: ids and since when."""
    store = MemoryAlertStore()
    await store.insert([Saving(due_since(id, since), 0, ()) for id, since in due.items()])
    async with dispatching(store, own.__contains__) as (working, _):
        while len(working.taken) < count:
            await asyncio.sleep(0.01)
    return working.taken


async def test_alerts_that_come_and_go_cost_no_look_each() -> None:
    looks = 0

    class Looked(MemoryAlertStore):
        async def due(self, now: datetime, limit: int) -> list[Alert]:
            nonlocal looks
            looks += 1
            return await super().due(now, limit)

    store = Looked()
    begin = asyncio.get_running_loop().time()
    async with dispatching(store, lambda _: True) as (working, dispatcher):
        for id in IDS:
            await come(store, dispatcher, [id])
            while id not in working.taken:
                await asyncio.sleep(0)
        took = asyncio.get_running_loop().time() - begin
    assert looks <= 3 + took / BUSY_SECONDS < len(IDS)


async def test_more_than_there_is_room_for_is_told_in_its_order_while_new_ones_come() -> None:
    store = MemoryAlertStore()
    async with dispatching(store, lambda _: True) as (working, dispatcher):
        working.may_tell.clear()
        await come(store, dispatcher, IDS[:10])
        working.may_tell.set()
        for place in range(10, 40):
            while len(working.taken) < place - 8:
                await asyncio.sleep(0)
            await come(store, dispatcher, [IDS[place]])
        while len(working.taken) < 40:
            await asyncio.sleep(0.01)
    assert working.taken == IDS[:40]


async def test_what_waits_comes_before_what_is_new() -> None:
    store = MemoryAlertStore()
    dispatcher = Dispatcher(store, cast(Stages, Working(store)), lambda: NOW, 4, lambda: True, lambda _: True)
    with dispatcher.keeping_room(4) as room:
        assert room == 3  # one place is left to what is due meanwhile
    await come(store, dispatcher, IDS[:2])
    with dispatcher.keeping_room(4) as room:
        assert room == 1
    await come(store, dispatcher, IDS[2:20])  # more than are kept here: the rest is found in the store
    with dispatcher.keeping_room(4) as room:
        assert room == 0


@pytest.mark.parametrize(("told", "room"), [(1, 1), (RECORDED_BEHIND - 1, 1), (RECORDED_BEHIND, 0)])
async def test_an_alert_that_is_told_leaves_its_place_to_the_next_up_to_a_limit(told: int, room: int) -> None:
    store = MemoryAlertStore()
    async with dispatching(store, lambda _: True) as (working, dispatcher):
        working.may_store.clear()
        for count, id in enumerate(IDS[:told], 1):
            await come(store, dispatcher, [id])
            while len(working.taken) < count:
                await asyncio.sleep(0)
        assert len(dispatcher.running) == told
        with dispatcher.keeping_room(1) as kept:
            assert kept == room
        working.may_store.set()


async def test_a_replica_takes_its_own_first_the_oldest_first() -> None:
    due: dict[str, Any] = {id: NOW - timedelta(minutes=5 - place) for place, id in enumerate(IDS[:4])}
    found = await taken(due, {IDS[1], IDS[3]}, 4)
    assert found == [IDS[1], IDS[3], IDS[2], IDS[0]]


async def test_what_another_leaves_waiting_is_taken_from_its_other_end_and_nothing_that_is_just_due() -> None:
    late = {id: NOW - LEFT_FOR - timedelta(seconds=3 - place) for place, id in enumerate(IDS[:3])}
    found = await taken(late | {IDS[3]: NOW - LEFT_FOR / 2}, set(), 3)
    assert found == [IDS[2], IDS[1], IDS[0]]
