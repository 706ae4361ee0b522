"""A new alert goes into the store already claimed while there is room: what that saves, and what it must not lose."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from services.notify.ports import Saving
from services.notify.rules.silences import Silence
from services.notify.stores.memory import MemoryAlertStore
from shared.errors import Unavailable
from tests.contract.notify.world import UNIT, Stores, World, authority, contact, settings


class Watched(MemoryAlertStore):
    """Keeps what was stored of new alerts, and how often claims of others were saved."""

    def __init__(self) -> None:
        super().__init__()
        self.inserted: list[Saving] = []
        self.saved = 0

    async def insert(self, new: Sequence[Saving]) -> set[str]:
        self.inserted += new
        return await super().insert(new)

    async def save_all(self, savings: Sequence[Saving]) -> list[bool]:
        self.saved += len(savings)
        return await super().save_all(savings)


async def under_way(world: World) -> str:
    """An alert whose first message the receiver has, and does not answer."""
    await world.register()
    world.receiver.gate = asyncio.Event()
    id = await world.publish(world.hazard())
    await world.until(lambda: world.receiver.tried, "a first message under way")
    return id


async def test_the_first_message_leaves_after_one_write(tmp_path: Path) -> None:
    alerts = Watched()
    async with World(settings(tmp_path), stores=Stores(alerts)) as world:
        id = await under_way(world)
        assert (len(alerts.inserted), alerts.saved) == (1, 0)
        (step,) = [step for step in (await world.alert(id)).steps if step.claimed]
        assert (step.id, step.claims, step.tiers) == ("first-1", 1, ("county",))
        world.receiver.gate.set()
        await world.settled(id)
        assert await world.history(id) == ["alert.opened", "alert.delivered"]


async def test_no_more_are_claimed_than_can_begin_and_the_others_follow(tmp_path: Path) -> None:
    alerts = Watched()
    async with World(settings(tmp_path, sends_at_once=2), stores=Stores(alerts)) as world:
        await world.register()
        world.receiver.gate = asyncio.Event()
        hazards = [world.hazard(subject=f"finding-{number}") for number in range(5)]
        await world.publish(*hazards)
        await world.until(lambda: len(world.receiver.tried) == 2, "two messages under way")
        assert sum(any(step.claimed for step in alert.steps) for alert in alerts.alerts.values()) == 2
        world.receiver.gate.set()
        await world.told("county", 5)
        assert len(set(world.receiver.effective())) == 5


async def test_what_another_replica_stored_first_is_not_begun(tmp_path: Path) -> None:
    alerts = Overtaken()
    async with World(settings(tmp_path), stores=Stores(alerts)) as world:
        await world.register()
        theirs = await world.publish(world.hazard())
        await world.until(lambda: world.alert(theirs), "the alert of the other replica")
        ours = await world.publish(world.hazard(subject="another"))
        await world.told("county")
        await world.settled(ours)
        assert [message.payload["id"] for message in world.receiver.to("county")] == [ours]


async def test_what_another_replica_stored_first_is_cleared_all_the_same(tmp_path: Path) -> None:
    async with World(settings(tmp_path), stores=Stores(Overtaken())) as world:
        await world.register()
        id = await world.publish(world.hazard(), world.clearing())
        await world.until(lambda: world.alert(id), "the alert")
        await world.until(lambda: _closed(world, id), "the alert to be closed")


class Overtaken(Watched):
    """Somebody else reads the first hazards too, and stores their alerts first."""

    overtaken = False

    async def insert(self, new: Sequence[Saving]) -> set[str]:
        if not self.overtaken:
            self.overtaken = True
            theirs = [found.alert.model_copy(update={"steps": _claimed_by_another(found)}) for found in new]
            await MemoryAlertStore.insert(self, [Saving(alert, 0) for alert in theirs])
        return await super().insert(new)


def _claimed_by_another(found: Saving) -> tuple[Any, ...]:
    return tuple(
        step.model_copy(update={"claimed_by": "notify-b/1"}) if step.claimed else step for step in found.alert.steps
    )


async def test_one_that_died_after_storing_it_claimed_tells_it_in_its_next_life(tmp_path: Path) -> None:
    async with World(settings(tmp_path)) as first:
        id = await under_way(first)
        await first.kill()
        async with World(settings(tmp_path), stores=first.stores, bus=first.bus, clock=first.clock) as again:
            (message,) = await again.told("county")
            await again.settled(id)
    assert message.id == first.receiver.tried[0][1].id


async def test_another_replica_tells_it_once_the_lease_has_ended(tmp_path: Path) -> None:
    async with World(settings(tmp_path)) as first:
        id = await under_way(first)
        await first.kill()
        config = settings(tmp_path, instance="notify-b")
        async with World(config, stores=first.stores, bus=first.bus, clock=first.clock) as other:
            first.clock.turn(seconds=29)
            later = await other.publish(other.hazard(subject="another"))
            await other.told("county")
            assert [message.payload["id"] for message in other.receiver.to("county")] == [later]
            first.clock.turn(seconds=2)
            await other.told("county", 2)
            await other.settled(id)


async def test_one_that_is_silenced_is_held_back_unsent(tmp_path: Path) -> None:
    async with World(settings(tmp_path)) as world:
        await world.register()
        now = world.clock()
        silence = Silence(id="s", unit_id=UNIT, reason="works", from_=now, to=now + timedelta(hours=3), by="me")
        await world.stores.silences.put(silence, ())
        id = await world.publish(world.hazard())
        alert = await world.settled(id)
        first = alert.step("first-1")
        assert (first.due > now, first.claims, first.tiers) == (True, 0, ())
        assert world.receiver.tried == []
        assert await world.history(id) == ["alert.opened"]


async def test_of_a_hazard_that_is_cleared_in_the_same_batch_nobody_is_told(tmp_path: Path) -> None:
    async with World(settings(tmp_path)) as world:
        await world.register()
        id = await world.publish(world.hazard(), world.clearing())
        later = await world.publish(world.hazard(subject="another"))
        await world.settled(later)
        assert (await world.alert(id)).state == "closed"
        assert [message.payload["id"] for message in world.receiver.to("county")] == [later]


async def test_whoever_was_told_while_it_was_cleared_hears_of_the_clearing(tmp_path: Path) -> None:
    async with World(settings(tmp_path)) as world:
        id = await under_way(world)
        await world.publish(world.clearing())
        await world.until(lambda: _closed(world, id), "the alert to be closed")
        world.receiver.gate.set()
        messages = await world.told("county", 2)
        await world.settled(id)
        assert [message.state for message in messages] == ["open", "closed"]


async def _closed(world: World, id: str) -> bool:
    return bool((await world.alert(id)).state == "closed")


class Unanswering(Watched):
    """Stores, and once does not get round to saying so."""

    lost = True

    async def insert(self, new: Sequence[Saving]) -> set[str]:
        known = await super().insert(new)
        if self.lost:
            self.lost = False
            raise Unavailable("store", "the answer was lost")
        return known


async def test_when_the_answer_to_an_insert_is_lost_the_message_leaves_all_the_same(tmp_path: Path) -> None:
    async with World(settings(tmp_path), stores=Stores(Unanswering())) as world:
        await world.register()
        id = await world.publish(world.hazard())
        await world.told("county")
        alert = await world.settled(id)
        assert (alert.told, len(world.receiver.taken)) == (("county",), 1)


async def test_a_tier_that_is_passed_over_at_the_first_claim_is_a_change_of_its_own(tmp_path: Path) -> None:
    async with World(settings(tmp_path)) as world:
        await world.put("authorities", "national", authority("national", None, contact("national-1")))
        await world.put("authorities", "county", authority("county", None))
        await world.put("units", UNIT, {"name": {"zh": "临淄区", "en": "Linzi"}, "authority": "county"})
        await world.caught_up(units=UNIT)
        id = await world.publish(world.hazard())
        await world.told("national")
        await world.settled(id)
        (opened,), (escalated,) = await world.published("alert.opened"), await world.published("alert.escalated")
        assert (opened.data.version, escalated.data.version) == (1, 2)
