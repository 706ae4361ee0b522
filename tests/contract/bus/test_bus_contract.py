"""What every bus promises, over the one in memory and over a real Kafka."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, Literal, Protocol

import pytest
from aiokafka import AIOKafkaProducer

from shared import topics
from shared.bus import Consumer, Delivery, Publisher, Record
from shared.errors import Rejected, Unavailable
from shared.kafka_bus import KafkaConsumer, KafkaPublisher
from shared.kafka_options import RECORD_LIMIT, connection
from shared.memory_bus import MemoryBus
from shared.settings import Settings

TOPIC = "inspections.v1"
PARTITIONS = 3
KEYS = [f"unit-{number}".encode() for number in range(8)]
Until = Callable[..., Awaitable[None]]


class Bus(Protocol):
    """A bus under test, and what the suite needs besides: transactions of another writer, and a bus that is away."""

    def publisher(self) -> Publisher: ...

    def consumer(self, group: str | None) -> Consumer: ...

    async def transaction(self, records: Sequence[Record], outcome: Literal["commit", "abort"]) -> None: ...

    def unreachable(self) -> tuple[Publisher, Consumer]: ...


class OnMemory:
    def __init__(self) -> None:
        self.bus = MemoryBus(PARTITIONS)

    def publisher(self) -> Publisher:
        return self.bus.publisher()

    def consumer(self, group: str | None) -> Consumer:
        return self.bus.consumer([TOPIC], group)

    async def transaction(self, records: Sequence[Record], outcome: Literal["commit", "abort"]) -> None:
        await self.bus.write(records, outcome)

    def unreachable(self) -> tuple[Publisher, Consumer]:
        away = MemoryBus(PARTITIONS)
        away.away = True
        return away.publisher(), away.consumer([TOPIC], "group")


class OnKafka:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def publisher(self) -> Publisher:
        return KafkaPublisher(self.settings)

    def consumer(self, group: str | None) -> Consumer:
        return KafkaConsumer(self.settings, [TOPIC], group)

    async def transaction(self, records: Sequence[Record], outcome: Literal["commit", "abort"]) -> None:
        async with AIOKafkaProducer(**connection(self.settings), transactional_id=uuid.uuid4().hex) as producer:
            await producer.begin_transaction()
            for record in records:
                await producer.send_and_wait(
                    self.settings.topic_prefix + record.topic, record.value, record.key, record.partition
                )
            await (producer.commit_transaction() if outcome == "commit" else producer.abort_transaction())

    def unreachable(self) -> tuple[Publisher, Consumer]:
        nowhere = self.settings.model_copy(update={"kafka_bootstrap": "127.0.0.1:1"})
        return KafkaPublisher(nowhere, timeout_s=1.0), KafkaConsumer(nowhere, [TOPIC], "group")


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.integration)])
async def bus(request: pytest.FixtureRequest) -> Bus:
    if request.param == "memory":
        return OnMemory()
    settings: Settings = request.getfixturevalue("bus_settings")
    await topics.ensure(settings, [topics.Topic(TOPIC)])
    return OnKafka(settings)


@pytest.fixture
async def publisher(bus: Bus) -> AsyncGenerator[Publisher]:
    made = bus.publisher()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def join(bus: Bus) -> AsyncGenerator[Callable[..., Awaitable[Consumer]]]:
    """Starts a consumer of the group; all are stopped at the end of the test."""
    started: list[Consumer] = []

    async def start(group: str | None = "group") -> Consumer:
        consumer = bus.consumer(group)
        await consumer.start()
        started.append(consumer)
        return consumer

    yield start
    for consumer in started:
        await consumer.stop()


def record(number: int, key: bytes = KEYS[0], **changes: Any) -> Record:
    return Record(TOPIC, key, str(number).encode(), **changes)


def numbers(deliveries: Sequence[Delivery]) -> list[int]:
    return [int(delivery.value or b"-1") for delivery in deliveries]


async def read(consumer: Consumer, count: int, timeout_s: float = 20.0) -> list[Delivery]:
    """Polls until `count` deliveries came, then once more for what should not come."""
    found: list[Delivery] = []
    deadline = asyncio.get_running_loop().time() + timeout_s
    while len(found) < count and asyncio.get_running_loop().time() < deadline:
        found += await consumer.poll(100, 0.2)
    return found + list(await consumer.poll(100, 0.1))


def after(deliveries: Sequence[Delivery]) -> dict[tuple[str, int], int]:
    return {(delivery.topic, delivery.partition): delivery.offset + 1 for delivery in deliveries}


async def test_what_is_published_arrives_unchanged(publisher: Publisher, join: Any) -> None:
    sent = record(1, headers=(("ce_id", b"a"), ("x", b"\xff\x00"), ("ce_id", b"twice")))
    await publisher.publish([sent])
    (got,) = await read(await join(), 1)
    assert (got.topic, got.key, got.value, got.headers) == (TOPIC, KEYS[0], b"1", sent.headers)
    assert got.timestamp_ms > 1_600_000_000_000


async def test_a_record_without_value_arrives_as_one(publisher: Publisher, join: Any) -> None:
    await publisher.publish([Record(TOPIC, b"gone", None)])
    (got,) = await read(await join(), 1)
    assert (got.key, got.value) == (b"gone", None)


async def test_records_of_a_key_arrive_in_the_order_published(publisher: Publisher, join: Any) -> None:
    await publisher.publish([record(number, KEYS[number % 8]) for number in range(200)])
    await asyncio.gather(*(publisher.publish([record(200 + at, key)]) for at, key in enumerate(KEYS)))
    got = await read(await join(), 208)
    for key in KEYS:
        of_key = numbers([delivery for delivery in got if delivery.key == key])
        assert of_key == sorted(of_key)
        assert len(of_key) == 26
        assert len({delivery.partition for delivery in got if delivery.key == key}) == 1


async def test_a_partition_given_is_the_partition_taken(publisher: Publisher, join: Any) -> None:
    await publisher.publish([record(part, partition=part) for part in range(PARTITIONS)])
    got = await read(await join(), PARTITIONS)
    assert {delivery.partition: int(delivery.value or b"") for delivery in got} == {0: 0, 1: 1, 2: 2}


async def test_a_poll_gives_no_more_than_asked_for(publisher: Publisher, join: Any) -> None:
    await publisher.publish([record(number) for number in range(30)])
    consumer = await join()
    got: list[Delivery] = []
    while len(got) < 30:
        part = await consumer.poll(7, 1.0)
        assert len(part) <= 7
        got += part
    assert numbers(got) == list(range(30))


async def test_what_was_not_committed_comes_again_after_a_crash(publisher: Publisher, join: Any) -> None:
    await publisher.publish([record(number) for number in range(5)])
    first = await join()
    got = await read(first, 5)
    await first.commit(after(got[:3]))
    await first.stop()
    assert numbers(await read(await join(), 2)) == [3, 4]


async def test_what_was_committed_does_not_come_again(publisher: Publisher, join: Any) -> None:
    await publisher.publish([record(number) for number in range(5)])
    first = await join()
    await first.commit(after(await read(first, 5)))
    await first.stop()
    await publisher.publish([record(5)])
    assert numbers(await read(await join(), 1)) == [5]


async def test_two_groups_each_get_everything(publisher: Publisher, join: Any) -> None:
    await publisher.publish([record(number) for number in range(3)])
    for group in ("one", "other"):
        assert numbers(await read(await join(group), 3)) == [0, 1, 2]


async def test_the_members_of_a_group_share_the_partitions(publisher: Publisher, join: Any, until: Until) -> None:
    members = [await join(), await join()]
    owned: list[set[int]] = [set(), set()]

    async def shared_out() -> bool:
        for at, member in enumerate(members):
            await member.poll(10, 0.05)
            owned[at] = {partition for _, partition in await member.position()}
        return owned[0] | owned[1] == set(range(PARTITIONS)) and not owned[0] & owned[1] and all(owned)

    await until(shared_out, "both members to own partitions, none of them twice")
    await publisher.publish([record(part, partition=part) for part in range(PARTITIONS)])
    got: list[list[Delivery]] = [[], []]

    async def all_came() -> bool:
        for at, member in enumerate(members):
            got[at] += await member.poll(10, 0.05)
        return len(got[0]) + len(got[1]) >= PARTITIONS

    await until(all_came, "a record per partition")
    assert [{delivery.partition for delivery in part} for part in got] == owned


async def test_positions_of_a_lost_partition_are_not_committed(publisher: Publisher, join: Any, until: Until) -> None:
    await publisher.publish([record(part, partition=part) for part in range(PARTITIONS)])
    first = await join()
    got = await read(first, PARTITIONS)
    joining = asyncio.create_task(join())
    polled_again: set[int] = set()

    async def shared_out() -> bool:
        polled_again.update(delivery.partition for delivery in await first.poll(10, 0.05))
        kept = {partition for _, partition in await first.position()}
        return joining.done() and len(kept) < PARTITIONS and bool(kept) and kept <= polled_again

    await until(shared_out, "the second member to take partitions over")
    second = await joining
    kept = {partition for _, partition in await first.position()}
    await first.commit(after(got))  # too late for those that went to the second
    await first.stop()
    await second.stop()
    again = await read(await join(), PARTITIONS - len(kept))
    assert {delivery.partition for delivery in again} == set(range(PARTITIONS)) - kept


async def test_a_reader_without_a_group_gets_all_from_the_beginning_each_time(publisher: Publisher, join: Any) -> None:
    await publisher.publish([record(number, KEYS[number % 8]) for number in range(20)])
    for _ in range(2):
        reader = await join(None)
        got = await read(reader, 20)
        await reader.commit(after(got))
        assert sorted(numbers(got)) == list(range(20))
        assert {partition for _, partition in await reader.position()} == set(range(PARTITIONS))


async def test_records_of_an_aborted_transaction_are_never_seen(bus: Bus, publisher: Publisher, join: Any) -> None:
    await bus.transaction([record(1), record(2)], "abort")
    await bus.transaction([record(3)], "commit")
    await publisher.publish([record(4)])
    assert numbers(await read(await join(), 2)) == [3, 4]


@pytest.mark.parametrize("outcome", ["commit", "abort"])
@pytest.mark.parametrize("group", ["group", None])
async def test_one_catches_up_over_the_mark_that_ends_a_transaction(
    bus: Bus, join: Any, until: Until, outcome: Literal["commit", "abort"], group: str | None
) -> None:
    await bus.transaction([record(part, partition=part) for part in range(PARTITIONS)], outcome)
    consumer = await join(group)

    async def caught_up() -> bool:
        await consumer.poll(10, 0.05)
        return dict(await consumer.position()) == dict(await consumer.end_offsets())

    await until(caught_up, "the position to reach the end")
    assert set((await consumer.end_offsets()).values()) == {2}


async def test_an_empty_poll_returns_in_time(join: Any) -> None:
    consumer = await join()
    began = asyncio.get_running_loop().time()
    assert not await consumer.poll(10, 0.3)
    assert 0.2 < asyncio.get_running_loop().time() - began < 2


async def test_an_unreachable_bus_is_unavailable(bus: Bus) -> None:
    publisher, consumer = bus.unreachable()
    await publisher.start()
    await consumer.start()
    with pytest.raises(Unavailable) as wrong:
        await publisher.publish([record(1)])
    assert wrong.value.part == "broker"
    with pytest.raises(Unavailable):
        await consumer.poll(10, 0.1)
    await publisher.stop()
    await consumer.stop()


async def test_publishing_nothing_succeeds(publisher: Publisher) -> None:
    await publisher.publish([])


@pytest.mark.integration
async def test_a_record_over_the_limit_is_rejected_and_the_next_is_published(bus_settings: Settings) -> None:
    await topics.ensure(bus_settings, [topics.Topic(TOPIC)])
    publisher, consumer = KafkaPublisher(bus_settings), KafkaConsumer(bus_settings, [TOPIC], None)
    try:
        with pytest.raises(Rejected, match="too_large"):
            await publisher.publish([Record(TOPIC, b"k", b"x" * (3 * RECORD_LIMIT))])
        with pytest.raises(Rejected, match="too_large"):
            await publisher.publish([Record(TOPIC, b"k", b"x" * (RECORD_LIMIT + 1000))])
        await publisher.publish([Record(TOPIC, b"k", b"x" * (768 * 1024))])
        assert [len(found.value or b"") for found in await read(consumer, 1)] == [768 * 1024]
    finally:
        await publisher.stop()
        await consumer.stop()
