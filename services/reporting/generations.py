"""Generations of the read models: all readers go through one `Live`; a rebuild fills the next one and switches at
once.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.reporting.documents import Document, ReadModels, Where, Write
from shared.errors import Unavailable


@dataclass(frozen=True, slots=True)
class State:
    """Which generation is read, which is being built, and the highest number ever used: none is used twice."""

    live: int = 1
    building: int | None = None
    last: int = 1


class Generations(Protocol):
    """Where the state is kept, for all replicas."""

    async def state(self) -> State: ...

    async def change(self, old: State, new: State) -> bool:
        """False when the state is no longer `old`."""
        ...


class Projection(Protocol):
    """Fills one generation from the topics until it is stopped."""

    async def run(self) -> None: ...

    async def stop(self) -> None: ...


class Droppable(ReadModels, Protocol):
    """Read models of one generation."""

    async def drop(self) -> None: ...


class Live:
    """Implements `ReadModels` by handing every call to the generation that is live now. Raises
    `Unavailable("read models")` until that is known: an older one that is still there would answer with stale figures.
    """

    def __init__(self) -> None:
        self._models: ReadModels | None = None

    @property
    def models(self) -> ReadModels:
        if self._models is None:
            raise Unavailable("read models", "which generation is read is not known yet", 1.0)
        return self._models

    def switch(self, models: ReadModels) -> None:
        """From now on `models` are read."""
        self._models = models

    async def check(self) -> str | None:
        """For health."""
        return "not known yet" if self._models is None else None

    async def replace_newer(self, writes: Sequence[Write]) -> None:
        await self.models.replace_newer(writes)

    async def get(self, collection: str, id: str) -> Document | None:
        return await self.models.get(collection, id)

    async def get_many(self, collection: str, ids: Iterable[str]) -> dict[str, Document]:
        return await self.models.get_many(collection, ids)

    async def find(self, collection: str, where: Where, **how: Any) -> list[Document]:
        return await self.models.find(collection, where, **how)

    async def remove(self, collection: str, where: Where) -> None:
        await self.models.remove(collection, where)


def pinned(models: ReadModels) -> ReadModels:
    """The generation that is live now, for what must not be read of two: a new one may be some events behind the old
    when it is switched to.
    """
    return models.models if isinstance(models, Live) else models


class Projector:
    """Runs the projection of the live generation, and of one being built; switches when that one has caught up."""

    def __init__(
        self,
        generations: Generations,
        live: Live,
        models_of: Callable[[int], Droppable],
        projection_of: Callable[[int, bool], Projection],
        every_s: float = 0.5,
    ) -> None:
        self._generations = generations
        self._live = live
        self._models_of = models_of
        self._projection_of = projection_of
        self._every_s = every_s
        self._running: dict[int, tuple[Projection, asyncio.Task[None]]] = {}
        self._stopping = asyncio.Event()
        self._read: int | None = None

    async def run(self) -> None:
        """Until `stop`. What ends a projection ends this too."""
        try:
            while not self._stopping.is_set():
                try:
                    await self.step()
                except Unavailable:
                    pass  # readiness reports the store; what runs goes on as it is
                await self._pause()
        finally:
            for number in list(self._running):
                await self._end(number)

    async def stop(self) -> None:
        self._stopping.set()

    async def step(self) -> None:
        """Brings what runs here in line with the state, and switches when it is time."""
        state = await self._generations.state()
        if state.building is not None and await self.caught_up(state):
            switched = State(state.building, None, state.last)
            if await self._generations.change(state, switched):
                state = switched
        if state.live != self._read:
            self._live.switch(self._models_of(state.live))
            self._read = state.live
        wanted = {state.live} | ({state.building} if state.building is not None else set())
        for number in set(self._running) - wanted:
            await self._end(number)
        for number in sorted(wanted - set(self._running)):
            self._begin(number, rebuilding=number != state.live)
        for _, task in self._running.values():
            if task.done():
                task.result()
                raise RuntimeError("a projection ended by itself")

    async def caught_up(self, state: State) -> bool:
        """Whether the generation being built stands at least where the live one does, on every partition."""
        assert state.building is not None
        live = await self._models_of(state.live).find("progress", {})
        built = {row["_id"]: row["next"] for row in await self._models_of(state.building).find("progress", {})}
        return bool(live) and all(built.get(row["_id"], 0) >= row["next"] for row in live)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._every_s):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _begin(self, number: int, rebuilding: bool) -> None:
        projection = self._projection_of(number, rebuilding)
        self._running[number] = (projection, asyncio.create_task(projection.run(), name=f"projection g{number}"))

    async def _end(self, number: int) -> None:
        projection, task = self._running.pop(number)
        await projection.stop()
        await task


async def rebuild(generations: Generations, models_of: Callable[[int], Droppable]) -> State:
    """Asks for the next generation to be built; answers the state as it is when one is being built already.

    Generations that are neither read nor built are dropped first.
    """
    state = await generations.state()
    if state.building is not None:
        return state
    for number in range(max(1, state.last - 3), state.last + 1):
        if number != state.live:
            await models_of(number).drop()
    wanted = State(state.live, state.last + 1, state.last + 1)
    return wanted if await generations.change(state, wanted) else await generations.state()
