"""A rebuild beside the live read models: readers see the old ones whole, then the new ones whole."""

import asyncio
from functools import cache

import pytest

from services.reporting.documents import Write
from services.reporting.generations import Live, Projector, State, rebuild
from services.reporting.stores.memory import MemoryGenerations, MemoryReadModels
from shared.errors import Unavailable


class Filling:
    """A projection that writes what it is told to."""

    def __init__(self, models: MemoryReadModels) -> None:
        self.models = models
        self.ended = asyncio.Event()

    async def run(self) -> None:
        await self.ended.wait()

    async def stop(self) -> None:
        self.ended.set()

    async def reach(self, next_offset: int) -> None:
        await self.models.replace_newer([Write("progress", "risk.v1:0", next_offset, {"next": next_offset})])


class World:
    def __init__(self) -> None:
        self.models = cache(lambda number: MemoryReadModels())
        self.filling = cache(lambda number: Filling(self.models(number)))
        self.generations = MemoryGenerations()
        self.live = Live()
        self.projector = Projector(self.generations, self.live, self.models, lambda number, _: self.filling(number))


async def test_the_new_generation_is_switched_to_only_when_it_has_caught_up() -> None:
    world = World()
    await world.projector.step()
    await world.filling(1).reach(10)
    await rebuild(world.generations, world.models)
    await world.projector.step()
    await world.filling(2).reach(9)
    await world.projector.step()
    assert world.live.models is world.models(1)
    await world.filling(2).reach(10)
    await world.projector.step()
    assert world.live.models is world.models(2)
    assert world.filling(1).ended.is_set()
    assert await world.generations.state() == State(2, None, 2)


async def test_after_a_restart_nothing_is_read_before_the_live_generation_is_known() -> None:
    world = World()
    await world.generations.change(State(), State(2, None, 2))
    await world.models(1).replace_newer([Write("things", "stale", 1, {})])
    with pytest.raises(Unavailable):
        await world.live.get("things", "stale")
    assert await world.live.check()
    await world.projector.step()
    assert await world.live.get("things", "stale") is None
    assert await world.live.check() is None


async def test_a_second_request_while_one_is_built_changes_nothing() -> None:
    world = World()
    first = await rebuild(world.generations, world.models)
    assert await rebuild(world.generations, world.models) == first == State(1, 2, 2)


async def test_a_number_is_never_used_twice_and_left_overs_are_dropped() -> None:
    world = World()
    await world.generations.change(State(), State(1, None, 3))
    await world.models(3).replace_newer([Write("things", "left over", 1, {})])
    assert await rebuild(world.generations, world.models) == State(1, 4, 4)
    assert await world.models(3).get("things", "left over") is None


async def test_a_projection_that_dies_takes_the_service_with_it() -> None:
    class Dying(Filling):
        async def run(self) -> None:
            raise ValueError("a bug")

    world = World()
    projector = Projector(world.generations, world.live, world.models, lambda number, _: Dying(world.models(number)))
    with pytest.raises(ValueError, match="a bug"):
        await asyncio.wait_for(projector.run(), 5)
