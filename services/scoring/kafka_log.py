# mypy: disable-error-code="no-untyped-call"
"""Topics of Kafka read from the start to their committed end, over aiokafka. Used by the changelog and by replay."""

from collections.abc import AsyncGenerator, Collection, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from services.scoring.kafka_options import KafkaOptions, translated

CHUNK = 20_000
# Short: at the end stands the control record of the last transaction, for which no poll returns early.
POLL_MS = 50
Chunk = tuple[int, Sequence["ConsumerRecord[bytes, bytes]"]]


async def read(options: KafkaOptions, topic: str, partitions: Collection[int]) -> AsyncGenerator[Chunk, None]:
    """Committed records by partition, in order; the end is that at the time of the call. `topic` is the full name."""
    consumer = AIOKafkaConsumer(
        **options.connection,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    try:
        with translated():
            await consumer.start()
            places = [TopicPartition(topic, number) for number in partitions]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
        left = [place for place in places if ends[place] > 0]
        while left:
            with translated():
                batches = await consumer.getmany(*left, timeout_ms=POLL_MS, max_records=CHUNK)
            for place, records in batches.items():
                yield place.partition, [record for record in records if record.offset < ends[place]]
            with translated():
                left = [place for place in left if await consumer.position(place) < ends[place]]
    finally:
        await consumer.stop()
