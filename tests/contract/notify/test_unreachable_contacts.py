"""Contacts that keep failing: taken out, told of to the operators, tried again, back."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from services.notify.ports import Sent
from tests.contract.notify.world import World, authority, contact, settings

FAILING = "county/first"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    """A county whose one contact on duty does not answer, and another off duty."""
    night = [{"days": "mon-sun", "from": "20:00", "to": "06:00"}]
    async with World(settings(tmp_path)) as found:
        contacts = (contact("first"), contact("second", hours=night))
        await found.put("authorities", "county", authority("county", None, *contacts))
        await found.put("units", "linzi", {"name": {"zh": "临淄区", "en": "Linzi"}, "authority": "county"})
        await found.caught_up(units="linzi")
        found.receiver.always[FAILING] = Sent("failed", "HTTP 410")
        yield found


async def hazards(world: World, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        await world.settled(await world.publish(world.hazard(subject=f"f-{number}")))


def tries(world: World) -> int:
    return sum(contact.key == FAILING for contact, _ in world.receiver.tried)


async def test_a_contact_that_keeps_failing_is_passed_over_and_the_operators_hear_of_it(world: World) -> None:
    await hazards(world, 8)
    assert tries(world) == 5
    assert len(world.receiver.to("county")) == 8, "the next contact was told each time"
    (told,) = await world.told("operators")
    assert told.payload["kind"] == "channel_failing"
    assert told.payload["facts"] | {"first_alert": ""} == {
        "contact": FAILING,
        "channel": "webhook",
        "error": "HTTP 410",
        "first_alert": "",
    }


async def test_a_contact_taken_out_is_tried_again_however_many_alerts_come_meanwhile(world: World) -> None:
    await hazards(world, 5)
    for minute in range(5):
        await hazards(world, 1, start=10 + minute)
        world.clock.turn(minutes=1)
    assert tries(world) == 5
    await hazards(world, 1, start=20)
    assert tries(world) == 6


async def test_when_it_is_back_the_operators_are_told_and_a_new_failure_opens_the_same_alert(world: World) -> None:
    await hazards(world, 5)
    (told,) = await world.told("operators")
    failing = str(told.payload["id"])
    del world.receiver.always[FAILING]
    world.clock.turn(minutes=5)
    await hazards(world, 1, start=10)
    await world.told("operators", 2)
    assert (await world.settled(failing)).state == "closed"
    world.clock.turn(seconds=1)
    world.receiver.always[FAILING] = Sent("failed", "HTTP 410")
    await hazards(world, 5, start=20)
    again = (await world.told("operators", 3))[2]
    assert (again.payload["id"], again.payload["state"]) == (failing, "open")
    assert await world.history(failing) == [
        "alert.opened",
        "alert.delivered",
        "alert.closed",
        "alert.delivered",
        "alert.reopened",
        "alert.delivered",
    ]
