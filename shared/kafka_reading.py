"""Records taken out of aiokafka's consumer as soon as they are fetched. Used by kafka_bus."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

WAIT_MS = 1000
HELD, HELD_BYTES = 500, 16 * 1024 * 1024
# Nobody has polled for so long: no more is read, so that the group sees that this member hangs.
PATIENCE_S = 30.0

Found = dict[TopicPartition, Sequence[Any]]


class Reading:
    """aiokafka asks the broker again only once all it has fetched is taken. A task of its own takes it at once, so that
    what comes while a batch is handled is there for the next poll, and does not wait for one more. As many records are
    held as the largest poll asked for, and no more once they have `HELD_BYTES`.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._most = HELD
        self._held: dict[TopicPartition, deque[Any]] = {}
        self._polled_at = _time()
        self._came, self._taken = asyncio.Event(), asyncio.Event()
        self._task = asyncio.create_task(self._read(), name="reading")

    async def take(self, max_records: int, timeout_s: float) -> Found:
        """Records by partition, in order; after `timeout_s` none. Raises what reading raised, once all is taken."""
        self._most = max(self._most, max_records)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._came.wait()
        if not self._held and self._task.done():
            self._task.result()
        found = self._popped(max_records)
        self._polled()
        return found

    def forget(self) -> None:
        """The partitions were taken away: their new owner reads what is held here."""
        self._held.clear()
        self._polled()

    def first(self, place: TopicPartition) -> int | None:
        """The offset of the first record held of a partition."""
        held = self._held.get(place)
        return held[0].offset if held else None

    async def stop(self) -> None:
        """Reads no more. Not while somebody takes."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _read(self) -> None:
        try:
            while True:
                while self._enough():
                    self._taken.clear()
                    await self._taken.wait()
                room = self._most - self._count
                for place, records in (await self._consumer.getmany(timeout_ms=WAIT_MS, max_records=room)).items():
                    self._held.setdefault(place, deque()).extend(records)
                    self._came.set()
        finally:
            self._came.set()

    @property
    def _count(self) -> int:
        return sum(map(len, self._held.values()))

    def _enough(self) -> bool:
        hangs = _time() - self._polled_at > PATIENCE_S
        size = sum(len(record.value or b"") for records in self._held.values() for record in records)
        return hangs or self._count >= self._most or size >= HELD_BYTES

    def _popped(self, max_records: int) -> Found:
        found: Found = {}
        for place in list(self._held):
            if not max_records:
                break
            # What is left of a partition goes behind the others, or a long one would keep them waiting.
            held = self._held.pop(place)
            found[place] = [held.popleft() for _ in range(min(max_records, len(held)))]
            max_records -= len(found[place])
            if held:
                self._held[place] = held
        return found

    def _polled(self) -> None:
        self._polled_at = _time()
        self._taken.set()
        if not self._held and not self._task.done():
            self._came.clear()


def _time() -> float:
    return asyncio.get_running_loop().time()
