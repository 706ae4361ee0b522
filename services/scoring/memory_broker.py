"""A transactional broker with one consumer group in memory, for the contract suite and for trials without Kafka.

It keeps what the loop relies on in Kafka: transactions by id with epochs that fence, `read_committed` readers, offsets
committed with a transaction, control records that take up offsets, sessions that expire, rebalances that wait for
members. Time is the event loop's.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from services.scoring.handlers import CHANGELOG, SOURCE
from services.scoring.memory_group import Member, MemoryGroup
from services.scoring.ports import Arrived, Changelog, Fenced, Listener, Source, Transactions
from shared.bus import Delivery, Record
from shared.errors import Unavailable

Gate = Callable[[str], Awaitable[None]]
Place = tuple[str, int]


@dataclass(slots=True)
class OpenTransaction:
    """What it wrote is visible once committed, never when aborted."""

    id: str
    state: Literal["open", "committed", "aborted"] = "open"
    offsets: dict[int, int] = field(default_factory=dict)
    places: set[Place] = field(default_factory=set)


@dataclass(slots=True)
class Entry:
    """A place in a partition's log: a record or (record None) the control record that ends a transaction."""

    record: Delivery | None
    transaction: OpenTransaction | None = None


class MemoryBroker:
    """The logs, the transactions' epochs and the group; `client` gives one worker's view."""

    def __init__(self, partitions: int, session_s: float = 10.0) -> None:
        self.group = MemoryGroup(partitions, session_s)
        self.away = False
        self.committed: dict[int, int] = {}
        self._logs: dict[Place, list[Entry]] = {}
        self._epochs: dict[str, int] = {}
        self._open: dict[str, OpenTransaction] = {}

    def append(self, record: Record, transaction: OpenTransaction | None = None) -> int:
        """The record's offset. `record.partition` must be given."""
        assert record.partition is not None
        place = (record.topic, record.partition)
        log = self._logs.setdefault(place, [])
        log.append(Entry(Delivery(*place, len(log), record.key, record.value, record.headers, 0), transaction))
        if transaction:
            transaction.places.add(place)
        return len(log) - 1

    def stable_end(self, place: Place) -> int:
        """Where a `read_committed` reader stops: the end, or the first record of an open transaction."""
        log = self._logs.get(place, [])
        return next(
            (at for at, entry in enumerate(log) if entry.transaction and entry.transaction.state == "open"), len(log)
        )

    def visible(self, place: Place, start: int = 0) -> list[Delivery]:
        """What a `read_committed` reader sees from `start` on."""
        entries = self._logs.get(place, [])[start : self.stable_end(place)]
        return [e.record for e in entries if e.record and (e.transaction is None or e.transaction.state == "committed")]

    def fence(self, id: str) -> int:
        """InitProducerId: a new epoch of the transactional id; what an older one left open is aborted."""
        self._epochs[id] = self._epochs.get(id, 0) + 1
        self.end(id, "aborted")
        return self._epochs[id]

    def begin(self, id: str) -> OpenTransaction:
        self._open[id] = OpenTransaction(id)
        return self._open[id]

    def end(self, id: str, state: Literal["committed", "aborted"]) -> None:
        """Commits or aborts the open transaction of an id, if there is one."""
        transaction = self._open.pop(id, None)
        if transaction is None:
            return
        transaction.state = state
        if state == "committed":
            self.committed |= transaction.offsets
        for place in transaction.places:
            self._logs[place].append(Entry(None))

    def check_epoch(self, id: str, epoch: int) -> None:
        """Raises `Fenced` for any epoch but the newest."""
        if self._epochs.get(id) != epoch:
            raise Fenced("broker", f"{id}: epoch {epoch} is over")

    def check_reachable(self) -> None:
        if self.away:
            raise Unavailable("broker", "no connection")


class MemoryClient:
    """What one worker sees of the broker; fits `ports.Broker`.

    `gate` is awaited before and after every effect: there a test delays, freezes or kills the worker.
    """

    def __init__(self, broker: MemoryBroker, name: str, gate: Gate) -> None:
        self.source: Source = MemorySource(broker, name, gate)
        self.changelog: Changelog = MemoryChangelog(broker, gate)
        self._broker = broker
        self._gate = gate

    def transactions(self, partition: int) -> Transactions:
        return MemoryTransactions(self._broker, partition, self._gate)


class MemorySource:
    """The source topic as one member of the group reads it."""

    def __init__(self, broker: MemoryBroker, name: str, gate: Gate) -> None:
        self._broker = broker
        self._gate = gate
        self.member = Member(name, gate)

    async def start(self, listener: Listener) -> None:
        await self._reach("join")
        self.member.listener = listener
        self._broker.group.join(self.member)

    async def stop(self) -> None:
        self._broker.group.leave(self.member)
        await self._gate("left")

    async def poll(self, max_records: int, timeout_s: float) -> Mapping[int, Sequence[Arrived]]:
        await self._reach("poll")
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not (batches := self._fetch(max_records)) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(min(0.02, timeout_s))
            await self._reach("poll")
        await self._gate("polled")
        return batches

    def _fetch(self, max_records: int) -> dict[int, list[Delivery]]:
        found = {}
        for number, position in list(self.member.positions.items()):
            # As aiokafka does, from the committed offset when nobody has sought.
            start = self._broker.committed.get(number, 0) if position is None else position
            if records := self._broker.visible((SOURCE, number), start)[:max_records]:
                found[number] = records
                self.member.positions[number] = records[-1].offset + 1
        return found

    def seek(self, partition: int, offset: int) -> None:
        if partition not in self.member.positions:
            raise Unavailable("broker", f"partition {partition} is not assigned")
        self.member.positions[partition] = offset

    async def committed(self, partition: int) -> int:
        await self._reach("committed")
        return self._broker.committed.get(partition, 0)

    def end(self, partition: int) -> int | None:
        return self._broker.stable_end((SOURCE, partition))

    async def _reach(self, what: str) -> None:
        await self._gate(what)
        self._broker.check_reachable()


class MemoryChangelog:
    """Rows as they stand, in small chunks, so that events arrive in between."""

    def __init__(self, broker: MemoryBroker, gate: Gate, chunk: int = 20) -> None:
        self._broker = broker
        self._gate = gate
        self._chunk = chunk

    async def rows(
        self, partitions: Collection[int]
    ) -> AsyncGenerator[Sequence[tuple[int, bytes, bytes | None]], None]:
        found = [record for number in partitions for record in self._broker.visible((CHANGELOG, number))]
        for at in range(0, len(found), self._chunk):
            await self._gate("restore")
            self._broker.check_reachable()
            yield [(record.partition, record.key or b"", record.value) for record in found[at : at + self._chunk]]


class MemoryTransactions:
    """Transactions of one partition, a step at a time with the gate between any two."""

    def __init__(self, broker: MemoryBroker, partition: int, gate: Gate) -> None:
        self.broker = broker
        self.partition = partition
        self._gate = gate
        self.id = f"scoring-{partition}"
        self._epoch = 0

    async def start(self) -> None:
        await self._gate("fence")
        self.broker.check_reachable()
        self._epoch = self.broker.fence(self.id)
        await self._gate("fenced")

    async def commit(self, records: Sequence[Record], next_offset: int) -> None:
        await self.step("begin")
        transaction = self.broker.begin(self.id)
        for record in records:
            await self.step("append")
            self.broker.append(record, transaction)
        await self.step("offsets")
        transaction.offsets[self.partition] = next_offset
        await self.step("commit")
        self.broker.end(self.id, "committed")
        await self._gate("committed")
        self.broker.check_reachable()  # committed all right, but the answer is lost

    async def close(self) -> None:
        await self._gate("close")

    async def step(self, what: str) -> None:
        """Raises when the next step would be refused."""
        await self._gate(what)
        self.broker.check_reachable()
        self.broker.check_epoch(self.id, self._epoch)
