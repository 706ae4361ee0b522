"""What a poll of the source takes: nothing waits behind the one record that aiokafka had fetched before it."""

import asyncio
from collections import deque
from typing import Any

from aiokafka import TopicPartition

from services.scoring.kafka_options import KafkaOptions
from services.scoring.kafka_source import AT_ONCE_S, FEW, TOP_UP_S, KafkaSource

Answer = tuple[float, dict[int, list[int]]]  # after how many seconds, offsets by partition


class Consumer:
    """A consumer that gives its answers in turn and keeps how long (ms) it was asked to wait."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = deque(answers)
        self.asked: list[int] = []

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        self.asked.append(timeout_ms)
        after, found = self.answers.popleft()
        await asyncio.sleep(after)
        return {TopicPartition("inspections.v1", number): offsets for number, offsets in found.items()}


async def polled(consumer: Consumer) -> dict[int, list[Any]]:
    source = KafkaSource(KafkaOptions({}))
    source._consumer = consumer
    return {number: list(records) for number, records in (await source.poll(2000, 0.25)).items()}


async def test_what_has_come_meanwhile_is_taken_with_what_was_fetched_before() -> None:
    consumer = Consumer((0, {0: [7], 2: [3]}), (0, {0: [8, 9], 1: [5]}))
    assert await polled(consumer) == {0: [7, 8, 9], 1: [5], 2: [3]}
    assert consumer.asked == [250, round(TOP_UP_S * 1000)]


async def test_a_lone_event_that_was_waited_for_goes_at_once() -> None:
    consumer = Consumer((AT_ONCE_S * 3, {0: [7]}))
    assert await polled(consumer) == {0: [7]}


async def test_a_batch_worth_its_transaction_goes_at_once() -> None:
    consumer = Consumer((0, {0: list(range(FEW))}))
    assert await polled(consumer) == {0: list(range(FEW))}


async def test_nothing_is_asked_again_when_nothing_came() -> None:
    consumer = Consumer((0, {}))
    assert await polled(consumer) == {}
