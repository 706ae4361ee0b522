"""The broker seen raw: what committed readers see of a topic, and how far the group of scoring has come. For the
checker."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

SOURCE = "inspections.v1"


@dataclass(frozen=True)
class Seen:
    """A record as a `read_committed` reader gets it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def header(self, name: str) -> str:
        return dict(self.headers).get(name, b"").decode(errors="replace")


async def read(bootstrap: str, topic: str) -> list[Seen]:
    """All committed records of the topic (full name), in order per partition."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        numbers = await consumer._client._wait_on_metadata(topic) and consumer.partitions_for_topic(topic)
        places = [TopicPartition(topic, number) for number in sorted(numbers or ())]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: list[Seen] = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=50)).values():
                found += [Seen(r.partition, r.offset, r.key, r.value, tuple(r.headers)) for r in records]
        return found
    finally:
        await consumer.stop()


async def lag(bootstrap: str, prefix: str) -> int:
    """Records of the source that the group has not committed, as the broker sees it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await admin.start()
    await consumer.start()
    try:
        await consumer._client._wait_on_metadata(prefix + SOURCE)
        places = [TopicPartition(prefix + SOURCE, n) for n in consumer.partitions_for_topic(prefix + SOURCE) or ()]
        ends = await consumer.end_offsets(places)
        committed = await admin.list_consumer_group_offsets(prefix + "scoring")
        return sum(end - (committed[place].offset if place in committed else 0) for place, end in ends.items())
    finally:
        await admin.close()
        await consumer.stop()


async def caught_up(bootstrap: str, prefix: str, seconds: float) -> Sequence[str]:
    """Empty once the lag is 0, else what it was at the end of the time."""
    left: object = None
    for _ in range(int(seconds * 4)):
        try:
            left = await lag(bootstrap, prefix)
        except KafkaError as error:
            left = error
        if left == 0:
            return []
        await asyncio.sleep(0.25)
    return [f"lag {left!r} after {seconds:.0f} s"]
