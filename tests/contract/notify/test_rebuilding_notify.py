"""An empty store filled from the bus: the same alerts, history, deliveries, silences; no message a second time."""

from datetime import timedelta
from pathlib import Path

from services.notify.handlers import silence_events
from services.notify.rules.silences import Silence
from tests.contract.notify.world import Stores, World, settings


async def test_a_lost_store_comes_back_from_the_bus_without_a_message(tmp_path: Path) -> None:
    async with World(settings(tmp_path)) as world:
        await world.register()
        answered = await world.publish(world.hazard(subject="f-1"))
        await world.settled(answered)
        await world.notify.handlers.acknowledge(answered, "me", "on it", "api", world.clock() + timedelta(hours=3))
        waiting = await world.publish(world.hazard(subject="f-2"))
        await world.settled(waiting)
        silence = Silence(
            id="s", unit_id="linzi", reason="works", from_=world.clock(), to=world.clock() + timedelta(1), by="me"
        )
        await world.stores.silences.put(silence, silence_events(silence, world.clock()))
        world.notify.relay.wake()
        before = {id: await world.history(id) for id in (answered, waiting)}
        await world.until(lambda: not world.stores.silences.pending, "the silence on the bus")
        sent = len(world.receiver.tried)

    fresh = World(settings(tmp_path), stores=Stores(), bus=world.bus, clock=world.clock, receiver=world.receiver)
    for unit, found in world.notify.registry.all("units").items():
        fresh.notify.registry._objects["units"][unit] = found
    logs = (fresh.bus.consumer([topic], None) for topic in ("alerts.v1", "hazards.v1"))
    assert await fresh.notify.rebuilding.run(*logs) == 2
    async with fresh:
        one, two = await fresh.settled(answered), await fresh.settled(waiting)
        assert (one.state, one.promise_by) == ("acknowledged", fresh.clock() + timedelta(hours=3))
        assert (one.answer.by, one.answer.note) == ("me", "on it")
        assert (two.state, two.told) == ("open", ("county",))
        assert {id: await fresh.history(id) for id in (answered, waiting)} == before
        assert len(await fresh.stores.ledger.of_step(waiting, "first-1")) == 1
        assert (await fresh.stores.silences.silence("s")).reason == "works"
        assert len(fresh.receiver.tried) == sent
        fresh.clock.turn(days=2)
        await fresh.told("prefecture")


async def test_a_hazard_that_no_alert_was_published_for_is_found_again(tmp_path: Path) -> None:
    world = World(settings(tmp_path))
    id = await world.publish(world.hazard())
    logs = (world.bus.consumer([topic], None) for topic in ("alerts.v1", "hazards.v1"))
    assert await world.notify.rebuilding.run(*logs) == 0
    assert (await world.alert(id)).state == "open"
