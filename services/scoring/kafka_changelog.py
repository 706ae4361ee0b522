# mypy: disable-error-code="no-untyped-call"
"""The changelog of scoring as read from Kafka, over aiokafka. Used through ports.Changelog by stream, and by replay."""

from collections.abc import AsyncGenerator, Collection, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.scoring.kafka_options import KafkaOptions, translated

CHUNK = 20_000
# Short: at the end stands the control record of the last transaction, for which no poll returns early.
POLL_MS = 50


class KafkaChangelog:
    """Reads committed rows from the start to the end, with a consumer of its own each time."""

    def __init__(self, options: KafkaOptions) -> None:
        self._options = options

    async def rows(
        self, partitions: Collection[int]
    ) -> AsyncGenerator[Sequence[tuple[int, bytes, bytes | None]], None]:
        consumer = AIOKafkaConsumer(
            **self._options.connection,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        try:
            with translated():
                await consumer.start()
                places = [TopicPartition(self._options.changelog, number) for number in partitions]
                consumer.assign(places)
                ends = await consumer.end_offsets(places)
            left = [place for place in places if ends[place] > 0]
            while left:
                with translated():
                    batches = await consumer.getmany(*left, timeout_ms=POLL_MS, max_records=CHUNK)
                for place, records in batches.items():
                    yield [(place.partition, record.key or b"", record.value) for record in records]
                with translated():
                    left = [place for place in left if await consumer.position(place) < ends[place]]
        finally:
            await consumer.stop()
