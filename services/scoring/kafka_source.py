# mypy: disable-error-code="no-untyped-call"
"""The source topic as one member of a Kafka consumer group reads it, over aiokafka. Used through ports.Source by
stream."""

from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from services.scoring.kafka_options import KafkaOptions, translated
from services.scoring.kafka_polling import polled
from services.scoring.ports import Arrived, Listener

REBALANCE_S = 60
MAX_POLL_S = 900
# Of one partition at once: with a backlog about a thousand inspections, so that a transaction's own cost, some eight
# requests, is spread over as many.
FETCH_BYTES = 2_097_152


class KafkaSource(ConsumerRebalanceListener):  # type: ignore[misc]
    """Commits nothing itself: offsets are part of the transactions."""

    def __init__(self, options: KafkaOptions) -> None:
        self._options = options
        self._consumer: AIOKafkaConsumer | None = None
        self._listener: Listener | None = None

    async def start(self, listener: Listener) -> None:
        self._listener = listener
        consumer = self._new_consumer()
        consumer.subscribe([self._options.source], listener=self)
        self._consumer = consumer
        with translated():
            try:
                await consumer.start()
            except BaseException:
                await consumer.stop()
                raise

    def _new_consumer(self) -> AIOKafkaConsumer:
        session_ms = int(self._options.session_s * 1000)
        return AIOKafkaConsumer(
            **self._options.connection,
            group_id=self._options.group_id,
            group_instance_id=self._options.instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 6,
            rebalance_timeout_ms=REBALANCE_S * 1000,
            max_poll_interval_ms=MAX_POLL_S * 1000,
            max_partition_fetch_bytes=FETCH_BYTES,
        )

    async def stop(self) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    async def poll(self, max_records: int, timeout_s: float) -> Mapping[int, Sequence[Arrived]]:
        with translated():
            found = await polled(self._started, max_records, timeout_s)
        return {place.partition: records for place, records in found.items()}

    def seek(self, partition: int, offset: int) -> None:
        with translated():
            self._started.seek(self._place(partition), offset)

    async def committed(self, partition: int) -> int:
        place = self._place(partition)
        with translated():
            offset: int | None = await self._started.committed(place)
            if offset is None:
                offset = (await self._started.beginning_offsets([place]))[place]
        return offset

    def end(self, partition: int) -> int | None:
        place = self._place(partition)
        if self._consumer is None or place not in self._consumer.assignment():
            return None
        end: int | None = self._consumer.last_stable_offset(place)
        return end

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002 - aiokafka's signature
        """aiokafka's listener: called before a rebalance, also with nothing to revoke."""
        assert self._listener is not None
        await self._listener.revoked()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """aiokafka's listener: heartbeats stop while it runs."""
        assert self._listener is not None
        await self._listener.assigned([place.partition for place in assigned])

    @property
    def _started(self) -> AIOKafkaConsumer:
        assert self._consumer is not None
        return self._consumer

    def _place(self, partition: int) -> TopicPartition:
        return TopicPartition(self._options.source, partition)
