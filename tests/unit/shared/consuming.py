"""A bus in memory with a `Consuming` over it, and handlers to see what it does. Used by the tests of the loop."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

from shared.bus import Consumer, Record, record_of
from shared.consume import BatchHandler, Consuming, Decoded
from shared.events.envelope import Event
from shared.health import Health
from shared.memory_bus import MemoryBus
from shared.telemetry import Metrics
from tests.builders import day_started

TOPIC, OUT, DEAD = "inspections.v1", "risk.v1", "dead-letters.v1"
FIRST_DAY = datetime(2023, 2, 1, tzinfo=UTC)
Until = Callable[..., Awaitable[None]]


class Crash(Exception):
    """Stands for the process dying at this point."""


def event(number: int) -> Event:
    return day_started((FIRST_DAY + timedelta(days=number)).date())


def number_of(one: Event) -> int:
    return (datetime.combine(one.data.day, datetime.min.time(), UTC) - FIRST_DAY).days


class Recording:
    """A handler that keeps what it was given; `fails` says what an event meets."""

    def __init__(self, fails: Callable[[int], Exception | None] = lambda _: None) -> None:
        self.fails = fails
        self.seen: list[int] = []
        self.batches: list[list[int]] = []

    async def __call__(self, batch: Sequence[Decoded]) -> Sequence[Event]:
        numbers = [number_of(one) for _, one in batch]
        self.batches.append(numbers)
        for number in numbers:
            if (wrong := self.fails(number)) is not None:
                raise wrong
        self.seen += numbers
        return []


async def answer(batch: Sequence[Decoded]) -> Sequence[Event]:
    """A handler that returns an event for each, and nothing for those it returned."""
    return [day_started(one.data.day, unit_id="answer") for _, one in batch if one.key != "answer"]


class House:
    """A bus, and a `Consuming` over it that can be started again as after a crash."""

    def __init__(self) -> None:
        self.bus = MemoryBus(partitions=1)
        self.tasks: list[asyncio.Task[None]] = []
        self.metrics = Metrics()
        self.health = Health()

    def consuming(self, handle: BatchHandler, consumer: Consumer | None = None, **options: object) -> Consuming:
        self.metrics, self.health = Metrics(), Health()
        return Consuming(
            "test",
            consumer or self.bus.consumer([TOPIC], "group"),
            self.bus.publisher(),
            handle,
            metrics=self.metrics,
            health=self.health,
            poll_s=0.01,
            **options,
        )

    def run(self, handle: BatchHandler, consumer: Consumer | None = None, **options: object) -> Consuming:
        made = self.consuming(handle, consumer, **options)
        self.tasks.append(asyncio.create_task(made.run()))
        return made

    async def to_the_end(self, handle: BatchHandler, **options: object) -> None:
        """Runs until everything is read, then stops."""
        made = self.run(handle, **options)
        while not made.caught_up and not self.tasks[-1].done():
            await asyncio.sleep(0.002)
        await made.stop()
        await self.tasks.pop()

    async def put(self, *numbers: int) -> None:
        await self.bus.write([record_of(event(number)) for number in numbers])

    async def put_rubbish(self, count: int = 1) -> None:
        await self.bus.write([Record(TOPIC, b"key", b"not an event", (("x", b"1"),))] * count)

    @property
    def committed(self) -> int:
        return self.bus.committed("group").get((TOPIC, 0), 0)

    def dead(self) -> list[dict[str, str]]:
        return [{name: value.decode() for name, value in found.headers} for found in self.bus.records(DEAD)]
