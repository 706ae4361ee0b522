"""What reading ahead holds and gives: everything in order, no more than it may, nothing of a partition taken away."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from shared import kafka_reading
from shared.kafka_reading import Reading

FIRST, SECOND = TopicPartition("hazards.v1", 0), TopicPartition("hazards.v1", 1)
MOST = 5


@dataclass(frozen=True)
class Record:
    offset: int
    value: bytes = b""


@dataclass
class Consumer:
    """Gives what is put into it, `max_records` at most, or raises `broken`."""

    coming: dict[TopicPartition, list[Record]] = field(default_factory=dict)
    there: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[int] = field(default_factory=list)
    broken: Exception | None = None

    def put(self, place: TopicPartition, *offsets: int) -> None:
        self.coming.setdefault(place, []).extend(map(Record, offsets))
        self.there.set()

    def breaks(self, error: Exception) -> None:
        self.broken = error
        self.there.set()

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        assert timeout_ms > 0
        self.asked.append(max_records)
        await self.there.wait()
        if self.broken is not None:
            raise self.broken
        found: dict[TopicPartition, list[Any]] = {}
        for place, records in self.coming.items():
            found[place], records[:] = records[:max_records], records[max_records:]
            max_records -= len(found[place])
        if not any(self.coming.values()):
            self.there.clear()
        return {place: records for place, records in found.items() if records}


@pytest.fixture
async def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
async def reading(consumer: Consumer, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Reading]:
    monkeypatch.setattr(kafka_reading, "HELD", MOST)
    found = Reading(consumer)
    yield found
    await found.stop()


async def taken(reading: Reading, most: int = MOST) -> dict[int, list[int]]:
    found = await reading.take(most, 0.5)
    return {place.partition: [record.offset for record in records] for place, records in found.items()}


async def emptied(consumer: Consumer) -> None:
    """Until all that was put into it was read."""
    async with asyncio.timeout(5):
        while any(consumer.coming.values()):
            await asyncio.sleep(0.001)


async def test_what_comes_while_a_batch_is_handled_is_there_for_the_next_poll(
    consumer: Consumer, reading: Reading
) -> None:
    consumer.put(FIRST, 7)
    assert await taken(reading) == {0: [7]}
    consumer.put(SECOND, 3)
    await emptied(consumer)
    consumer.put(FIRST, 8)
    await emptied(consumer)
    assert await taken(reading) == {0: [8], 1: [3]}


async def test_a_poll_takes_no_more_than_it_asked_for_and_loses_nothing(consumer: Consumer, reading: Reading) -> None:
    consumer.put(FIRST, 1, 2, 3)
    consumer.put(SECOND, 8, 9)
    await emptied(consumer)
    assert await taken(reading, 2) == {0: [1, 2]}
    assert (reading.first(FIRST), reading.first(SECOND)) == (3, 8)
    assert await taken(reading, 2) == {1: [8, 9]}
    assert reading.first(SECOND) is None
    assert await taken(reading, 2) == {0: [3]}


async def test_no_more_is_held_than_it_may_and_a_poll_makes_room(consumer: Consumer, reading: Reading) -> None:
    consumer.put(FIRST, *range(12))
    found = []
    while len(found) < 12:
        found += (await taken(reading)).get(0, [])
        assert max(consumer.asked) <= MOST
    assert found == list(range(12))


async def test_nothing_comes_within_the_time(reading: Reading) -> None:
    assert await reading.take(10, 0.01) == {}


async def test_what_is_held_of_a_partition_taken_away_is_forgotten(consumer: Consumer, reading: Reading) -> None:
    consumer.put(FIRST, 1, 2)
    await emptied(consumer)
    reading.forget()
    assert reading.first(FIRST) is None
    consumer.put(FIRST, 5)
    assert await taken(reading) == {0: [5]}


async def test_an_error_is_raised_once_all_that_was_read_is_taken(consumer: Consumer, reading: Reading) -> None:
    consumer.put(FIRST, 1)
    await emptied(consumer)
    consumer.breaks(KafkaError("gone"))
    assert await taken(reading) == {0: [1]}
    with pytest.raises(KafkaError, match="gone"):
        await reading.take(10, 0.5)


async def test_as_many_are_held_as_the_largest_poll_asked_for(consumer: Consumer, reading: Reading) -> None:
    assert await reading.take(3 * MOST, 0.01) == {}
    consumer.put(FIRST, *range(3 * MOST))
    await emptied(consumer)
    assert await taken(reading, 3 * MOST) == {0: list(range(3 * MOST))}


async def test_no_more_is_read_once_what_is_held_is_large(
    consumer: Consumer, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_reading, "HELD_BYTES", 10)
    consumer.coming[FIRST] = [Record(1, b"x" * 20)]
    consumer.there.set()
    await emptied(consumer)
    await left(consumer, 2)
    assert await taken(reading) == {0: [1]}
    assert await taken(reading) == {0: [2]}


async def test_a_long_partition_does_not_keep_the_others_waiting(consumer: Consumer, reading: Reading) -> None:
    consumer.put(FIRST, 1, 2, 3)
    consumer.put(SECOND, 8)
    await emptied(consumer)
    assert [await taken(reading, 1) for _ in range(3)] == [{0: [1]}, {1: [8]}, {0: [2]}]


@pytest.mark.parametrize("held", [[], [1]])
async def test_a_member_that_hangs_reads_no_further(
    consumer: Consumer, reading: Reading, monkeypatch: pytest.MonkeyPatch, held: list[int]
) -> None:
    consumer.put(FIRST, *held)
    await emptied(consumer)
    monkeypatch.setattr(kafka_reading, "PATIENCE_S", -1.0)
    consumer.put(FIRST, 2)
    await emptied(consumer)
    await left(consumer, 3)
    monkeypatch.undo()
    assert await taken(reading) == {0: [*held, 2]}
    assert await taken(reading) == {0: [3]}


async def left(consumer: Consumer, offset: int) -> None:
    """Puts one more, and sees that it stays where it is."""
    consumer.put(FIRST, offset)
    for _ in range(20):
        await asyncio.sleep(0)
    assert consumer.coming[FIRST] == [Record(offset)]
