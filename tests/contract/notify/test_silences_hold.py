"""What a silence holds back, and what stands still meanwhile."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest

from services.notify.rules.silences import Silence
from tests.contract.notify.world import UNIT, World, settings


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    """A unit that is silent for three hours."""
    async with World(settings(tmp_path)) as found:
        await found.register()
        now = found.clock()
        silence = Silence(id="s", unit_id=UNIT, reason="works", from_=now, to=now + timedelta(hours=3), by="me")
        await found.stores.silences.put(silence, ())
        yield found


async def until_its_end(world: World, id: str) -> None:
    for _ in range(18):
        await world.settled(id)
        world.clock.turn(minutes=10)
    await world.settled(id)


async def test_no_alert_climbs_while_nobody_is_told_of_it(world: World) -> None:
    id = await world.publish(world.hazard())
    await world.until(lambda: world.alert(id), "the alert")
    for _ in range(17):
        await world.settled(id)
        world.clock.turn(minutes=10)
    alert = await world.settled(id)
    assert (alert.state, alert.tier, world.receiver.tried) == ("open", "county", [])


async def test_after_a_silence_the_county_has_its_whole_time_to_answer(world: World) -> None:
    id = await world.publish(world.hazard())
    await world.until(lambda: world.alert(id), "the alert")
    await until_its_end(world, id)
    await world.told("county")
    world.clock.turn(minutes=50)
    await world.settled(id)
    assert world.receiver.to("prefecture") == []
    world.clock.turn(minutes=10)
    await world.told("prefecture")


async def test_a_promise_that_passes_in_a_silence_is_broken_when_it_ends(world: World) -> None:
    id = await world.publish(world.hazard())
    await world.until(lambda: world.alert(id), "the alert")
    await world.notify.handlers.acknowledge(id, "me", "", "api", world.clock() + timedelta(hours=1))
    world.clock.turn(hours=2)
    assert (await world.settled(id)).state == "acknowledged"
    world.clock.turn(hours=1)
    await world.told("prefecture")
    assert (await world.settled(id)).state == "escalated"
