"""What the delivery layer of scoring asks of a broker and of a fold. Kept by kafka_broker and memory_broker, used by
stream."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Protocol

from shared.bus import Record
from shared.errors import Unavailable
from shared.events.envelope import Event, Header

Row = tuple[bytes, bytes | None]


class Fenced(Unavailable):
    """Another worker has taken over the partition's transactions: whatever was under way is void."""


class Arrived(Protocol):
    """A record of the source topic; `shared.bus.Delivery` and aiokafka's record both are one, so nothing is copied."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[Header]: ...
    @property
    def timestamp(self) -> int:
        """As the broker has it, in ms."""
        ...


class Listener(Protocol):
    """Told by the source what this worker owns. `assigned` must return at once: heartbeats may wait for it."""

    async def revoked(self) -> None: ...

    async def assigned(self, partitions: Collection[int]) -> None: ...


class Source(Protocol):
    """The source topic as read by one member of the group. Every method may raise `Unavailable`."""

    async def start(self, listener: Listener) -> None: ...

    async def stop(self) -> None: ...

    async def poll(self, max_records: int, timeout_s: float) -> Mapping[int, Sequence[Arrived]]:
        """The next records by partition, in order; empty when none came in time. May wait out a rebalance."""
        ...

    def seek(self, partition: int, offset: int) -> None: ...

    async def committed(self, partition: int) -> int:
        """The group's committed offset, or the first one of the partition when there is none."""
        ...

    def end(self, partition: int) -> int | None:
        """The end of an assigned partition as last heard, to know the lag; None before anything was heard."""
        ...


class Transactions(Protocol):
    """The transactions of one source partition. Raises `Fenced` once somebody else has started them, `Unavailable` on
    any broker error."""

    async def start(self) -> None:
        """Fences the former owner and ends what it left open."""
        ...

    async def commit(self, records: Sequence[Record], next_offset: int) -> None:
        """All records and the group's offset become visible together, or (an exception) nothing does, or it is not
        known."""
        ...

    async def close(self) -> None:
        """Never raises: what was open is ended by the next `start` anywhere."""
        ...


class Changelog(Protocol):
    """The compacted topic with the rows of every partition's state."""

    def rows(self, partitions: Collection[int]) -> AsyncGenerator[Sequence[tuple[int, bytes, bytes | None]], None]:
        """Chunks of (partition, key, value or None when deleted) from the start to the committed end at the time of
        the call."""
        ...


class Broker(Protocol):
    """The broker as one worker sees it."""

    @property
    def source(self) -> Source: ...
    @property
    def changelog(self) -> Changelog: ...

    def transactions(self, partition: int) -> Transactions: ...


class Output(Protocol):
    """An event as a record: its value and headers are ready, nothing is validated or written out twice."""

    @property
    def topic(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def value(self) -> bytes: ...
    @property
    def headers(self) -> tuple[Header, ...]: ...


class Effects(Protocol):
    """What a batch did: rows replaced (value None: deleted) and events to publish, in order; `events` are the same,
    typed."""

    @property
    def rows(self) -> Sequence[Row]: ...
    @property
    def derived(self) -> Sequence[Output]: ...
    @property
    def events(self) -> Sequence[Event]: ...


class PartitionFold(Protocol):
    """A pure fold over one partition of the source. Raises `Rejected` before it changes anything; any other exception
    is a bug."""

    def load(self, key: bytes, value: bytes) -> None:
        """Takes one row back, as `Effects.rows` gave it; all of them come before the first event."""
        ...

    def apply(self, event: Event, offset: int) -> None: ...

    def note_dead_letter(self, offset: int) -> None:
        """The record at this offset was put away."""
        ...

    def flush(self) -> Effects:
        """Everything since the last flush."""
        ...
