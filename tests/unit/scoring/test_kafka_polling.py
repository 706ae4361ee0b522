"""What a poll takes: nothing waits behind the one record that aiokafka had fetched before it, and nothing is lost."""

import asyncio
from collections import deque
from typing import Any

import pytest
from aiokafka import TopicPartition

from services.scoring import kafka_polling
from services.scoring.kafka_polling import AT_ONCE_S, FEW, TOP_UP_S, polled

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
        return {TopicPartition("inspections.v1", number): offsets[:max_records] for number, offsets in found.items()}


async def taken(consumer: Consumer, most: int = 2000) -> dict[int, list[Any]]:
    return {place.partition: list(records) for place, records in (await polled(consumer, most, 0.25)).items()}


async def test_what_has_come_meanwhile_is_taken_with_what_was_fetched_before() -> None:
    consumer = Consumer((0, {0: [7], 2: [3]}), (0, {0: [8, 9], 1: [5]}))
    assert await taken(consumer) == {0: [7, 8, 9], 1: [5], 2: [3]}
    assert consumer.asked == [250, round(TOP_UP_S * 1000)]


async def test_a_lone_event_that_was_waited_for_goes_at_once() -> None:
    assert await taken(Consumer((AT_ONCE_S * 3, {0: [7]}))) == {0: [7]}


async def test_a_batch_worth_its_commit_goes_at_once() -> None:
    assert await taken(Consumer((0, {0: list(range(FEW))}))) == {0: list(range(FEW))}


async def test_both_looks_take_no_more_than_was_asked_for() -> None:
    assert await taken(Consumer((0, {0: [7, 8]}), (0, {0: [9, 10]})), most=3) == {0: [7, 8, 9]}
    assert await taken(Consumer((0, {0: [7, 8]})), most=2) == {0: [7, 8]}


async def test_nothing_is_asked_again_when_nothing_came() -> None:
    assert await taken(Consumer((0, {}))) == {}


async def test_a_second_look_that_hangs_does_not_take_the_first_one_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_polling, "LONGEST_S", 0.01)
    assert await taken(Consumer((0, {0: [7]}), (60.0, {0: [8]}))) == {0: [7]}
