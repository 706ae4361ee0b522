"""The Kafka bus when the broker is killed or away: nothing is lost, order holds, all goes on by itself."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from deploy.local.kafka import LocalKafka
from shared import topics
from shared.bus import Delivery, Record, record_of
from shared.consume import Consuming, Decoded
from shared.errors import Unavailable
from shared.events.envelope import Event
from shared.health import Health
from shared.kafka_bus import KafkaConsumer, KafkaPublisher
from shared.settings import Settings
from shared.telemetry import Metrics
from tests.builders import day_started, park_assessed

pytestmark = [pytest.mark.integration, pytest.mark.slow]
TOPIC = "inspections.v1"
Until = Callable[..., Awaitable[None]]
# The broker ends with the thread that started it, so that thread must outlive the event loop of one test.
STARTER = ThreadPoolExecutor(max_workers=1)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalKafka]:
    """A broker of this module's own, to be killed."""
    with LocalKafka(tmp_path_factory.mktemp("own-kafka")) as kafka:
        yield kafka


@pytest.fixture
async def own(broker: LocalKafka, request: pytest.FixtureRequest) -> AsyncGenerator[Settings]:
    settings = Settings(
        kafka_bootstrap=broker.bootstrap,
        mongo_uri="mongodb://x",
        topic_prefix=f"{request.node.name[:80]}.",
        topic_partitions=3,
        topic_replication=1,
    )
    await topics.ensure(settings)
    yield settings
    if not broker.pids:
        await start_again(broker)


async def start_again(broker: LocalKafka) -> None:
    await asyncio.get_running_loop().run_in_executor(STARTER, broker.start_node)


async def read_all(settings: Settings, topic: str = TOPIC) -> list[Delivery]:
    consumer = KafkaConsumer(settings, [topic], None)
    found: list[Delivery] = []
    try:
        async with asyncio.timeout(30):
            ends = await consumer.end_offsets()
            while dict(await consumer.position()) != dict(ends):
                found += await consumer.poll(1000, 0.2)
    finally:
        await consumer.stop()
    return found


async def publish_until_taken(publisher: KafkaPublisher, records: Sequence[Record]) -> int:
    """As a sweeper does: the same again until it is taken. How often it was refused."""
    refused = 0
    async with asyncio.timeout(60):
        while True:
            try:
                await publisher.publish(records)
            except Unavailable:
                refused += 1
                await asyncio.sleep(0.1)
            else:
                return refused


async def test_a_broker_killed_while_publishing_loses_nothing_and_keeps_the_order(
    broker: LocalKafka, own: Settings
) -> None:
    publisher = KafkaPublisher(own, timeout_s=2.0)
    refused = 0
    killed = asyncio.Event()

    async def kill_and_start_again() -> None:
        await killed.wait()
        await asyncio.to_thread(broker.kill)
        await asyncio.sleep(2.5)
        await start_again(broker)

    fault = asyncio.create_task(kill_and_start_again())
    for number in range(300):
        if number == 100:
            killed.set()
        records = [Record(TOPIC, key, str(number).encode()) for key in (b"a", b"b", b"c", b"d")]
        refused += await publish_until_taken(publisher, records)
    await fault
    await publisher.stop()
    assert refused >= 1
    by_key: dict[bytes, list[int]] = {}
    for delivery in await read_all(own):
        by_key.setdefault(delivery.key or b"", []).append(int(delivery.value or b""))
    for numbers in by_key.values():
        # A record refused in the outage may have been written twice, never out of order.
        assert sorted(set(numbers)) == list(range(300))
        assert numbers == sorted(numbers)


async def test_publishing_without_a_broker_is_refused_in_bounded_time(broker: LocalKafka, own: Settings) -> None:
    publisher = KafkaPublisher(own, timeout_s=1.0)
    await publisher.publish([Record(TOPIC, b"k", b"1")])
    broker.kill()
    for _ in range(2):
        began = asyncio.get_running_loop().time()
        with pytest.raises(Unavailable):
            await publisher.publish([Record(TOPIC, b"k", b"2")])
        assert asyncio.get_running_loop().time() - began < 4
    assert "broker is not available" in (await publisher.check() or "")
    await start_again(broker)
    await publish_until_taken(publisher, [Record(TOPIC, b"k", b"3")])
    assert await publisher.check() is None
    await publisher.stop()
    assert [found.value for found in await read_all(own)][-1] == b"3"


async def test_a_producer_that_broke_for_good_is_replaced(own: Settings) -> None:
    publisher = KafkaPublisher(own, timeout_s=1.0)
    await publisher.publish([Record(TOPIC, b"k", b"1")])
    # As after an error that an idempotent producer cannot go on from: its sending task has ended.
    publisher._producer._sender.sender_task.cancel()
    assert await publish_until_taken(publisher, [Record(TOPIC, b"k", b"2")]) == 1
    await publisher.stop()
    assert [found.value for found in await read_all(own)] == [b"1", b"2"]


async def test_a_consumer_outlives_an_outage_and_goes_on_where_it_was(
    broker: LocalKafka, own: Settings, until: Until
) -> None:
    seen: list[int] = []

    async def handle(batch: Sequence[Decoded]) -> Sequence[Event]:
        seen.extend(event.data.seq for _, event in batch)
        return []

    publisher = KafkaPublisher(own, timeout_s=2.0)
    consuming = Consuming(
        "test",
        KafkaConsumer(own, [TOPIC], "group"),
        publisher,
        handle,
        metrics=Metrics(),
        health=Health(),
    )
    running = asyncio.create_task(consuming.run())
    await publisher.publish([record_of(park_assessed(seq)) for seq in range(1, 6)])
    await until(lambda: len(seen) == 5 and consuming.caught_up, "the first five")
    broker.kill()
    await asyncio.sleep(3)
    await start_again(broker)
    await publish_until_taken(publisher, [record_of(park_assessed(seq)) for seq in range(6, 11)])
    await until(lambda: len(set(seen)) == 10, "the other five", timeout_s=60)
    assert not running.done()
    await consuming.stop()
    await running
    await publisher.stop()
    assert sorted(set(seen)) == list(range(1, 11))


async def test_a_consumer_that_starts_before_the_broker_waits_for_it(
    broker: LocalKafka, own: Settings, until: Until
) -> None:
    publisher = KafkaPublisher(own)
    await publisher.publish([Record(TOPIC, b"k", b"1")])
    await publisher.stop()
    broker.kill()
    consumer = KafkaConsumer(own, [TOPIC], "late")
    await consumer.start()
    with pytest.raises(Unavailable):
        await consumer.poll(10, 0.1)
    await start_again(broker)
    found: list[Delivery] = []

    async def came() -> bool:
        try:
            found.extend(await consumer.poll(10, 0.2))
        except Unavailable:
            return False
        return bool(found)

    await until(came, "the record", timeout_s=60)
    await consumer.stop()
    assert found[0].value == b"1"


async def test_a_reader_of_all_goes_on_where_it_was_after_an_outage(
    broker: LocalKafka, own: Settings, until: Until
) -> None:
    publisher = KafkaPublisher(own, timeout_s=2.0)
    await publisher.publish([Record(TOPIC, b"k", b"1")])
    reader = KafkaConsumer(own, [TOPIC], None)
    got: list[bytes | None] = []

    async def read() -> int:
        try:
            got.extend(found.value for found in await reader.poll(10, 0.1))
        except Unavailable:
            pass
        return len(got)

    async def first() -> bool:
        return await read() >= 1

    async def second() -> bool:
        return await read() >= 2

    await until(first, "the first record")
    await reader._disconnect()  # what an error of the client leads to
    await publish_until_taken(publisher, [Record(TOPIC, b"k", b"2")])
    await until(second, "the second record")
    assert got == [b"1", b"2"]
    await reader.stop()
    await publisher.stop()


async def test_a_named_member_that_was_killed_gets_its_partitions_back_without_waiting(own: Settings) -> None:
    settings = own.model_copy(update={"instance": "notify-1"})
    publisher = KafkaPublisher(own)
    await publisher.publish([Record(TOPIC, b"k", b"1")])
    first = KafkaConsumer(settings, [TOPIC], "named", static=True)
    await first.start()
    (found,) = await poll_for(first, 1)
    await first.commit({(found.topic, found.partition): found.offset + 1})
    # Gone without leaving, as after kill -9: a static member never leaves.
    await first.stop()
    await publisher.publish([Record(TOPIC, b"k", b"2")])
    began = asyncio.get_running_loop().time()
    second = KafkaConsumer(settings, [TOPIC], "named", static=True)
    await second.start()
    assert [delivery.value for delivery in await poll_for(second, 1)] == [b"2"]
    assert asyncio.get_running_loop().time() - began < 5
    await second.stop()
    await publisher.stop()


async def poll_for(consumer: KafkaConsumer, count: int) -> list[Delivery]:
    found: list[Delivery] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            found += await consumer.poll(100, 0.2)
    return found


async def test_topics_are_made_once_and_another_number_of_partitions_is_named(own: Settings) -> None:
    assert await topics.ensure(own) == []
    counts = await topics.partitions(own)
    assert counts[f"{own.topic_prefix}{TOPIC}"] == 3
    with pytest.raises(topics.TopicMismatch, match=r"inspections\.v1 has 3 partitions, the settings say 5"):
        await topics.ensure(own.model_copy(update={"topic_partitions": 5}))


async def test_two_deployments_that_make_topics_at_once_both_succeed(own: Settings) -> None:
    settings = own.model_copy(update={"topic_prefix": f"{own.topic_prefix}twice."})
    await asyncio.gather(topics.ensure(settings), topics.ensure(settings))
    assert None not in (await topics.partitions(settings)).values()


async def test_making_topics_without_a_broker_is_unavailable() -> None:
    nowhere = Settings(kafka_bootstrap="127.0.0.1:1", mongo_uri="mongodb://x")
    with pytest.raises(Unavailable):
        await topics.ensure(nowhere)


async def test_a_dead_letter_of_the_largest_record_fits(own: Settings) -> None:
    async def handle(batch: Sequence[Decoded]) -> Sequence[Event]:
        return []

    publisher = KafkaPublisher(own)
    await publisher.publish([Record(TOPIC, b"k", b"x" * 1_040_000), record_of(day_started(date(2023, 2, 1)))])
    consuming = Consuming(
        "test", KafkaConsumer(own, [TOPIC], "g"), publisher, handle, metrics=Metrics(), health=Health()
    )
    running = asyncio.create_task(consuming.run())
    async with asyncio.timeout(20):
        while not consuming.caught_up:
            await asyncio.sleep(0.05)
    await consuming.stop()
    await running
    await publisher.stop()
    (letter,) = await read_all(own, "dead-letters.v1")
    assert len(letter.value or b"") == 1_040_000
    assert dict(letter.headers)["kc_service"] == b"test"
