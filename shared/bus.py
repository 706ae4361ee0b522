"""What a bus is to the rest of the code: records out, deliveries in. Implemented by kafka_bus and memory_bus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.events.catalogue import CATALOGUE
from shared.events.envelope import Event, Header, decode, encode, headers


@dataclass(frozen=True, slots=True)
class Record:
    """A record to publish. `topic` is without the deployment's prefix (`inspections.v1`); the key decides the
    partition unless given.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A record as read: `topic` without prefix, `timestamp_ms` as the broker has it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]
    timestamp_ms: int

    @property
    def timestamp(self) -> int:
        """In ms, under the name that aiokafka's records have for it."""
        return self.timestamp_ms

    def event(self) -> Event:
        """The event in it. Raises `Rejected`."""
        return decode(self.key, self.value, self.headers)


def record_of(event: Event) -> Record:
    """The record that carries an event to its topic."""
    return Record(CATALOGUE[event.type].topic, event.key.encode(), encode(event), tuple(headers(event)))


class Publisher(Protocol):
    """Writes records; several calls may be under way at once."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def publish(self, records: Sequence[Record]) -> None:
        """All are with the broker (acks=all) in the order given per partition, or `Unavailable` is raised and any may
        be.
        """
        ...


class Consumer(Protocol):
    """Reads records of some topics as one member of a group, from the first uncommitted on, committed ones of
    transactions only.
    """

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def poll(self, max_records: int, timeout_s: float) -> Sequence[Delivery]:
        """Up to `max_records` deliveries, in order per partition; empty when none came in time."""
        ...

    async def commit(self, positions: Mapping[tuple[str, int], int]) -> None:
        """Makes (topic, partition) -> next offset durable for the group."""
        ...

    async def end_offsets(self) -> Mapping[tuple[str, int], int]:
        """The end of each assigned partition: to know when one has caught up, and the lag."""
        ...

    async def position(self) -> Mapping[tuple[str, int], int]:
        """The next offset to read of each assigned partition."""
        ...
