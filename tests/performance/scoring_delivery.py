"""The delivery layer measured alone: latency at 100 events/s, and restoring 200,000 rows. For scoring."""

import asyncio
import statistics
import time
from contextlib import aclosing
from functools import partial

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.scoring.handlers import CHANGELOG
from services.scoring.kafka_broker import KafkaBroker
from services.scoring.kafka_log import read
from services.scoring.kafka_options import KafkaOptions
from services.scoring.kafka_transactions import KafkaTransactions
from services.scoring.partition import Partition
from services.scoring.rules.fold import PartitionFold
from services.scoring.stream import Scorer
from shared.bus import Record
from shared.events.envelope import headers
from shared.rulesets import load
from tests.event_log import compact, inspection_events, round_openings

ROWS = 200_000
SAMPLES = 300
BARE = 100
TOPICS = ("inspections.v1", CHANGELOG, "risk.v1", "hazards.v1", "dead-letters.v1")


async def measure(bootstrap: str, repetitions: int) -> dict[str, float]:
    """Ratios; each is that of medians."""
    options = [KafkaOptions({"bootstrap_servers": bootstrap}, prefix=f"lat{n}.") for n in range(repetitions)]
    latency, bare = [], []
    for each in options:
        await _topics(bootstrap, each.prefix)
        bare.append(await _bare_transaction(each))
        latency.append(await _latency(bootstrap, each))
    restore = KafkaOptions({"bootstrap_servers": bootstrap}, prefix="restore.")
    await _topics(bootstrap, restore.prefix)
    await _write_rows(restore)
    reading = statistics.median([await _reading(restore) for _ in range(repetitions)])
    restored = [await _restoring(restore) for _ in range(repetitions)]
    return {
        "latency_ratio": statistics.median(latency) / statistics.median(bare),
        "restore_ratio": statistics.median(ready for ready, _ in restored) / reading,
        "restore_ratio_every_unit": statistics.median(woken for _, woken in restored) / reading,
    }


async def _topics(bootstrap: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(prefix + name, 1, 1) for name in TOPICS])
    await admin.close()


async def _bare_transaction(options: KafkaOptions) -> float:
    """Median seconds of a transaction of one record with its offset."""
    transactions = KafkaTransactions(options, 0)
    await transactions.start()
    times = []
    for number in range(BARE):
        began = time.perf_counter()
        await transactions.commit([Record("risk.v1", b"k", b"x" * 500, (), 0)], number)
        times.append(time.perf_counter() - began)
    await transactions.commit([], 0)
    await transactions.close()
    return statistics.median(times)


async def _latency(bootstrap: str, options: KafkaOptions) -> float:
    """Median seconds from sending an event to its partition's next committed output, at 100 events a second."""
    ends: list[str] = []
    scorer = Scorer(KafkaBroker(options), partial(PartitionFold, load()), lambda why, error: ends.append(why))
    running = asyncio.ensure_future(scorer.run())
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed")
    await producer.start()
    await consumer.start()
    consumer.assign([TopicPartition(options.prefix + "risk.v1", 0)])
    while not scorer.ready:
        await asyncio.sleep(0.01)
    sent: dict[bytes, float] = {}
    sending = asyncio.ensure_future(_send(producer, options.source, sent))
    times = await _times(consumer, sent)
    await sending
    await scorer.stop()
    await running
    await producer.stop()
    await consumer.stop()
    assert not ends, ends
    return statistics.median(times)


async def _send(producer: AIOKafkaProducer, topic: str, sent: dict[bytes, float]) -> None:
    events = [*round_openings(enterprises=SAMPLES), *inspection_events(SAMPLES, enterprises=SAMPLES)]
    for event in events:
        sent[event.subject.encode()] = time.perf_counter()
        await producer.send(topic, compact(event), key=event.key.encode(), headers=list(headers(event)))
        await asyncio.sleep(0.01)


async def _times(consumer: AIOKafkaConsumer, sent: dict[bytes, float]) -> list[float]:
    """An enterprise has one event: its first assessment answers it."""
    times: list[float] = []
    while len(times) < SAMPLES * 0.9:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                attributes = dict(record.headers)
                if b"enterprise.assessed" in attributes["ce_type"] and attributes["ce_subject"] in sent:
                    times.append(time.perf_counter() - sent.pop(attributes["ce_subject"]))
    return times


async def _write_rows(options: KafkaOptions) -> None:
    """A changelog of ROWS rows as the fold writes them, under keys of as many units as it takes."""
    world = {"units": 40, "enterprises": 50}
    fold = PartitionFold(load(), 0)
    for offset, event in enumerate([*round_openings(**world), *inspection_events(6000, **world)]):
        fold.apply(event, offset)
    rows = [(key, value) for key, value in fold.flush().rows if value is not None]
    copies = [rows] + [[(b"c%d-" % n + key, value) for key, value in rows] for n in range(ROWS // len(rows))]
    records = [(k, v) for copy in copies for k, v in copy if copy is rows or not k.split(b"-", 1)[1].startswith(b"|")]
    transactions = KafkaTransactions(options, 0)
    await transactions.start()
    for start in range(0, ROWS, 5000):
        chunk = [Record(CHANGELOG, key, value, (), 0) for key, value in records[start : start + 5000]]
        await transactions.commit(chunk, 0)
    await transactions.close()


async def _reading(options: KafkaOptions) -> float:
    """CPU seconds of reading the changelog and nothing else."""
    began, count = time.process_time(), 0
    async with aclosing(read(options, options.changelog, [0])) as chunks:
        async for _, records in chunks:
            count += len(records)
    assert count >= ROWS * 0.9, count
    return time.process_time() - began


async def _restoring(options: KafkaOptions) -> tuple[float, float]:
    """CPU seconds from the first row read to a fold that is ready, and to one in which an event fell on every unit."""
    began, broker = time.process_time(), KafkaBroker(options)
    fold = PartitionFold(load(), 0)
    partition = Partition(0, fold, broker.transactions(0))
    async with aclosing(broker.changelog.rows([0])) as chunks:
        async for chunk in chunks:
            for _, key, value in chunk:
                partition.take(key, value)
    partition.restore()
    ready = time.process_time() - began
    fold.wake()
    woken = time.process_time() - began
    await partition.transactions.close()
    return ready, woken
