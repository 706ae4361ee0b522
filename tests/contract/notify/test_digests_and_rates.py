"""Digests, the mute of a unit alert, and the share of a receiver's rate."""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest

from services.notify.receivers import Receivers
from services.notify.replicas import Replicas
from services.notify.rules.routing import Contact
from services.notify.stores.memory import MemoryBeats
from shared.clock import real
from tests.contract.notify.world import Clock, World, settings

CONTACT = Contact("county", "1", "webhook", "http://127.0.0.1")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    async with World(settings(tmp_path)) as found:
        await found.register()
        yield found


async def test_one_digest_in_the_morning_names_every_lesser_alert_of_the_unit(world: World) -> None:
    ids = [await world.publish(world.hazard("hazard_unit.level_2", subject=f"h-{n}")) for n in range(3)]
    for id in ids:
        await world.settled(id)
    assert len(world.receiver.taken) == 3
    world.clock.turn(hours=23, minutes=30)
    await world.told("county", 4)
    for id in ids:
        await world.settled(id)
    digest = world.receiver.to("county")[3]
    named = {digest.payload["id"], *(other["id"] for other in digest.payload["also"])}
    assert named == set(ids)
    assert len(world.receiver.taken) == 4
    for id in ids:
        rows = [row for row in world.stores.ledger.by_id.values() if row.alert_id == id and "digest" in row.step]
        assert [row.message_id for row in rows] == [digest.id]


async def test_a_unit_alert_mutes_lesser_reminders_until_it_is_closed(world: World) -> None:
    red = await world.publish(world.hazard("unit.red", subject="linzi", enterprise_id=None))
    await world.settled(red)
    await world.notify.handlers.acknowledge(red, "me", "", "api", world.clock() + timedelta(days=9))
    id = await world.publish(world.hazard())
    await world.settled(id)
    for _ in range(3):
        world.clock.turn(hours=1)
        await world.until(lambda: world.alert(id), "the alert")
        await world.settled(id)
    told = len(world.receiver.taken)
    world.clock.turn(hours=3, minutes=1)
    await world.settled(id)
    assert len(world.receiver.taken) == told
    await world.notify.handlers.close(red, "me", "moot")
    world.clock.turn(hours=4, minutes=1)
    await world.told("national", 2)


async def test_replicas_share_a_receivers_rate() -> None:
    clock, beats = Clock(), MemoryBeats()
    pair = [Replicas(beats, name, clock) for name in "ab"]
    tasks = [asyncio.create_task(one.run()) for one in pair]
    async with asyncio.timeout(10):
        while len(beats.last) < len(pair):
            await asyncio.sleep(0.01)
    for one in pair:
        await one.stop()
    await asyncio.gather(*tasks)
    assert max(len(one.alive) for one in pair) == 2


async def test_a_receiver_gets_no_more_than_its_rate_and_the_rest_is_told_to_come_back_later() -> None:
    receivers = Receivers(50.0, real)
    began = time.monotonic()
    for _ in range(20):
        async with receivers.turn(CONTACT):
            pass
    assert time.monotonic() - began >= 19 / 50
    slow = Receivers(0.1, Clock())
    async with slow.turn(CONTACT):
        first, second = slow.backlog(CONTACT), slow.backlog(CONTACT)
    assert first is not None
    assert second is not None
    assert second - first == pytest.approx(timedelta(seconds=10), abs=timedelta(seconds=0.5))


async def test_a_stall_of_the_loop_is_followed_by_no_burst() -> None:
    receivers, moments = Receivers(50.0, real), []

    async def send() -> None:
        async with receivers.turn(CONTACT):
            moments.append(time.monotonic())

    sends = [asyncio.create_task(send()) for _ in range(12)]
    async with asyncio.timeout(10):
        while len(moments) < 3:
            await asyncio.sleep(0)
    # Blocks the loop on purpose, for as long as several turns last.
    time.sleep(0.2)
    await asyncio.gather(*sends)
    assert min(after - before for before, after in itertools.pairwise(moments)) >= 0.9 / 50


async def test_a_clock_that_jumps_back_keeps_no_message_waiting() -> None:
    clock = Clock()
    receivers = Receivers(50.0, clock)
    async with receivers.turn(CONTACT):
        clock.turn(hours=-1)
    async with asyncio.timeout(1), receivers.turn(CONTACT):
        assert receivers.backlog(CONTACT) is None
