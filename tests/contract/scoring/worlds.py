"""The worlds the contract of the delivery layer is checked in: the broker in memory under simulated time, and the
real one."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Protocol

from services.scoring.handlers import SOURCE
from services.scoring.memory_broker import Gate, MemoryBroker, MemoryClient, MemoryTransactions
from services.scoring.ports import PartitionFold, Transactions
from services.scoring.stream import Pace, Scorer
from shared.bus import Delivery, Record
from tests.contract.scoring.toy_fold import ToyFold

End = Callable[[str, BaseException | None], None]
SESSION_S = 10.0
PACE = Pace(session=SESSION_S)


class Ended(BaseException):
    """The process ended itself (exit 70)."""


class Worker(Protocol):
    """A process of scoring as a test handles it."""

    scorer: Scorer
    ended: str | None

    async def kill(self) -> None:
        """As kill -9 does: nothing it does from here on is seen."""
        ...

    async def stop(self) -> None:
        """As SIGTERM does."""
        ...


class World(Protocol):
    """A broker with topics of its own, and workers on it that fold with `new_fold`."""

    partitions: int
    new_fold: Callable[[int], PartitionFold]

    async def produce(self, records: Sequence[Record]) -> None: ...

    async def visible(self, topic: str) -> dict[int, list[Delivery]]:
        """Everything a `read_committed` reader sees of a topic, by partition."""
        ...

    async def worker(self, name: str) -> Worker: ...

    def transactions(self, partition: int) -> Transactions:
        """Not started yet; closed with the world."""
        ...

    async def leave_open(self, partition: int, records: Sequence[Record]) -> None:
        """An owner of the partition's transactions wrote the records and was killed before it committed them."""
        ...

    async def close(self) -> None: ...


class MemoryWorker:
    """A worker on the broker in memory. `gate` is passed between any two of its effects: it delays, freezes, kills."""

    def __init__(self, world: "MemoryWorld", name: str) -> None:
        self.ended: str | None = None
        self.name = name
        self._world = world
        self._alive = True
        self._awake = asyncio.Event()
        self._awake.set()
        self.calls = 0
        self.kill_at: int | None = None
        self.freeze_at: tuple[int, float] | None = None
        self.scorer = world.scorer(name, self._gate, self._end)
        self.running = asyncio.ensure_future(self.scorer.run())

    async def _gate(self, what: str) -> None:
        if self._alive and what != "heartbeat":
            self.calls += 1
            if self.kill_at is not None and self.calls >= self.kill_at:
                self._alive = False
            if self.freeze_at and self.calls >= self.freeze_at[0]:
                self.freeze(self.freeze_at[1])
                self.freeze_at = None
        if self._alive:
            await asyncio.sleep(self._world.delay())
            await self._awake.wait()
        if not self._alive:
            await self._world.over.wait()
            raise Ended("the story is over")

    def _end(self, why: str, error: BaseException | None) -> None:
        if self._alive:
            self.ended = f"{why}: {error!r}"
        self._alive = False
        raise Ended(why)

    def freeze(self, seconds: float) -> None:
        self._awake.clear()
        asyncio.get_running_loop().call_later(seconds, self._awake.set)

    @property
    def alive(self) -> bool:
        return self._alive

    @property
    def awake(self) -> bool:
        return self._awake.is_set()

    async def kill(self) -> None:
        self._alive = False

    async def stop(self) -> None:
        await self.scorer.stop()
        self._alive = False


class MemoryWorld:
    """The broker in memory. `seed` decides every delay."""

    def __init__(self, seed: int = 0, partitions: int = 3, session_s: float = SESSION_S) -> None:
        self.partitions = partitions
        self.broker = MemoryBroker(partitions, session_s)
        self.workers: list[MemoryWorker] = []
        self.new_fold: Callable[[int], PartitionFold] = ToyFold
        self.over = asyncio.Event()
        self._random = random.Random(seed)

    def scorer(self, name: str, gate: Gate, end: End) -> Scorer:
        return Scorer(MemoryClient(self.broker, name, gate), self.new_fold, end, PACE)

    def delay(self) -> float:
        """Most steps are quick, some are not."""
        return self._random.choice((0.0, 0.0, 0.001, 0.001, 0.005, 0.05))

    async def produce(self, records: Sequence[Record]) -> None:
        for record in records:
            self.broker.append(record)

    async def visible(self, topic: str) -> dict[int, list[Delivery]]:
        return {number: self.broker.visible((topic, number)) for number in range(self.partitions)}

    async def worker(self, name: str) -> MemoryWorker:
        self.workers.append(MemoryWorker(self, name))
        return self.workers[-1]

    def transactions(self, partition: int) -> MemoryTransactions:
        return MemoryTransactions(self.broker, partition, _at_once)

    async def leave_open(self, partition: int, records: Sequence[Record]) -> None:
        owner = self.transactions(partition)
        await owner.start()
        transaction = self.broker.begin(owner.id)
        for record in records:
            self.broker.append(record, transaction)

    async def close(self) -> None:
        await self.broker.group.stop()
        for worker in self.workers:
            await worker.kill()
        self.over.set()
        for worker in self.workers:
            worker.running.cancel()
        await asyncio.gather(*(worker.running for worker in self.workers), return_exceptions=True)

    def lag(self) -> int:
        ends = {number: self.broker.stable_end((SOURCE, number)) for number in range(self.partitions)}
        return sum(end - self.broker.committed.get(number, 0) for number, end in ends.items())


async def _at_once(_: str) -> None:
    await asyncio.sleep(0)
