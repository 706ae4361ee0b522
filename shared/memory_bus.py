"""The bus in memory: the same promises as Kafka's, for tests and for trials without a broker. Faults can be planted."""

import asyncio
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from shared.bus import Delivery, Record
from shared.clock import Clock, real
from shared.errors import Unavailable

Place = tuple[str, int]
Operation = Literal["publish", "poll", "commit", "end_offsets"]
Transaction = Literal["none", "commit", "abort"]


@dataclass(slots=True)
class Fault:
    """An exception that `operation` raises `times` times, before or after it took effect."""

    operation: Operation
    error: BaseException
    times: int = 1
    after: bool = False


@dataclass(slots=True)
class Group:
    """What a consumer group knows: committed offsets, its members in the order they joined, and how often they were
    shuffled.
    """

    committed: dict[Place, int] = field(default_factory=dict)
    members: list["MemoryConsumer"] = field(default_factory=list)
    generation: int = 0


class MemoryBus:
    """Logs of `partitions` partitions per topic, stamped by `clock`. `away` makes every call
    raise `Unavailable`.
    """

    def __init__(self, partitions: int = 4, clock: Clock = real) -> None:
        self.partitions = partitions
        self.away = False
        self._clock = clock
        # None stands where Kafka has control records or records of an aborted transaction.
        self._logs: dict[Place, list[Delivery | None]] = defaultdict(list)
        self._groups: dict[str, Group] = defaultdict(Group)
        self._faults: list[Fault] = []
        self._changed = asyncio.Condition()

    def publisher(self) -> "MemoryPublisher":
        return MemoryPublisher(self)

    def consumer(self, topics: Sequence[str], group: str | None) -> "MemoryConsumer":
        return MemoryConsumer(self, topics, group)

    def records(self, topic: str) -> list[Delivery]:
        """All of the topic that a reader may see, by partition and offset."""
        return [found for part in range(self.partitions) for found in self._logs[topic, part] if found is not None]

    def committed(self, group: str) -> Mapping[Place, int]:
        return dict(self._groups[group].committed)

    def inject(self, operation: Operation, error: BaseException, times: int = 1, *, after: bool = False) -> None:
        """The next `times` calls raise `error`, before they do anything or (`after`) when all is done."""
        self._faults.append(Fault(operation, error, times, after))

    def fail_publishes(self, times: int) -> None:
        """The next `times` publishes raise `Unavailable`."""
        self.inject("publish", Unavailable("broker", "planted", 0.0), times)

    async def write(self, records: Sequence[Record], transaction: Transaction = "none") -> None:
        """Appends without faults. In a transaction a control record follows in each partition; an aborted one is
        never seen.
        """
        places = [self._append(record, visible=transaction != "abort") for record in records]
        if transaction != "none":
            for place in set(places):
                self._logs[place].append(None)
        await self.wake()

    async def wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def meet(self, operation: Operation, *, after: bool = False) -> None:
        """Raises what is planted for this moment."""
        if self.away and not after:
            raise Unavailable("broker", "away", 0.0)
        for fault in self._faults:
            if fault.operation == operation and fault.after is after and fault.times > 0:
                fault.times -= 1
                raise fault.error

    def log_of(self, place: Place) -> list[Delivery | None]:
        return self._logs[place]

    def group(self, name: str) -> Group:
        return self._groups[name]

    async def changed(self, timeout_s: float) -> None:
        """Returns when something was written or a group was shuffled, or after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait()
        except TimeoutError:
            pass

    def _append(self, record: Record, *, visible: bool = True) -> Place:
        hashed = zlib.crc32(record.key or b"") % self.partitions
        place = (record.topic, hashed if record.partition is None else record.partition)
        log, at = self._logs[place], int(self._clock().timestamp() * 1000)
        log.append(Delivery(*place, len(log), record.key, record.value, record.headers, at) if visible else None)
        return place


class MemoryPublisher:
    """Publishes to a `MemoryBus`."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def publish(self, records: Sequence[Record]) -> None:
        if not records:
            return
        self._bus.meet("publish")
        await self._bus.write(records)
        self._bus.meet("publish", after=True)


class MemoryConsumer:
    """Reads a `MemoryBus` as one member of a group; `group` None reads all from the beginning and commits nothing."""

    def __init__(self, bus: MemoryBus, topics: Sequence[str], group: str | None) -> None:
        self._bus = bus
        self._topics = tuple(topics)
        self._group = bus.group(group) if group is not None else None
        self._generation = -1
        self._positions: dict[Place, int] = {}
        self._polled: set[Place] = set()
        self._started = False

    async def start(self) -> None:
        self._started = True
        if self._group is not None:
            self._group.members.append(self)
            await self._shuffle(self._group)

    async def stop(self) -> None:
        """Leaves the group. A member that just disappears, as in a crash, is taken out by `stop` as well."""
        self._started = False
        self._polled.clear()
        if self._group is not None and self in self._group.members:
            self._group.members.remove(self)
            await self._shuffle(self._group)

    async def poll(self, max_records: int, timeout_s: float) -> Sequence[Delivery]:
        if not self._started:
            raise RuntimeError("the consumer is not started")
        self._bus.meet("poll")
        found = self._read(max_records)
        if not found:
            await self._bus.changed(timeout_s)
            self._bus.meet("poll")
            found = self._read(max_records)
        self._bus.meet("poll", after=True)
        return found

    async def commit(self, positions: Mapping[Place, int]) -> None:
        self._bus.meet("commit")
        if self._group is not None:
            self._take_part()
            self._group.committed.update({place: at for place, at in positions.items() if place in self._polled})
        self._bus.meet("commit", after=True)

    async def end_offsets(self) -> Mapping[Place, int]:
        self._bus.meet("end_offsets")
        self._take_part()
        return {place: len(self._bus.log_of(place)) for place in self._positions}

    async def position(self) -> Mapping[Place, int]:
        self._take_part()
        return dict(self._positions)

    async def _shuffle(self, group: Group) -> None:
        group.generation += 1
        await self._bus.wake()

    def _take_part(self) -> None:
        generation = self._group.generation if self._group else 0
        if generation == self._generation:
            return
        self._generation = generation
        self._polled.clear()
        committed = self._group.committed if self._group else {}
        self._positions = {place: committed.get(place, 0) for place in self._assigned()}

    def _assigned(self) -> list[Place]:
        places = [(topic, part) for topic in self._topics for part in range(self._bus.partitions)]
        if self._group is None:
            return places
        members = self._group.members
        return [p for at, p in enumerate(places) if self in members and members[at % len(members)] is self]

    def _read(self, max_records: int) -> list[Delivery]:
        self._take_part()
        found: list[Delivery] = []
        for place in self._positions:
            found += self._read_from(place, max_records - len(found))
        return found

    def _read_from(self, place: Place, max_records: int) -> list[Delivery]:
        log = self._bus.log_of(place)
        found: list[Delivery] = []
        while self._positions[place] < len(log) and len(found) < max_records:
            if (record := log[self._positions[place]]) is not None:
                found.append(record)
                self._polled.add(place)
            self._positions[place] += 1
        return found
