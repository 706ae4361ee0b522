"""The bus on a real Kafka, over aiokafka: what `shared.bus` promises. Constructed by each wiring."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from shared.bus import Delivery
from shared.errors import Unavailable
from shared.kafka_options import RECORD_LIMIT, connection, translated
from shared.kafka_publisher import KafkaPublisher
from shared.kafka_reading import Reading
from shared.settings import Settings
from shared.telemetry import log

__all__ = ["KafkaConsumer", "KafkaPublisher"]

Place = tuple[str, int]


class KafkaConsumer:
    """One member of `group`, manual commit, read_committed; `group` None reads every partition from the beginning and
    commits nothing. Connects when first needed, and again after an error.

    `static`: a member with this name keeps its partitions over a restart; by default when `instance` is configured.
    """

    def __init__(
        self, settings: Settings, topics: Sequence[str], group: str | None, *, static: bool | None = None
    ) -> None:
        self._settings = settings
        self._topics = tuple(topics)
        self._group = group and f"{settings.topic_prefix}{group}"
        self._static = "instance" in settings.model_fields_set if static is None else static
        self._consumer: AIOKafkaConsumer | None = None
        self._reading: Reading | None = None
        self._ours: set[Place] = set()
        self._next: dict[Place, int] = {}
        self._connecting = asyncio.Lock()
        self._log = log("consumer")

    async def start(self) -> None:
        """Connects and joins if the broker answers; otherwise the first `poll` does."""
        with contextlib.suppress(Unavailable):
            await self._connected()

    async def stop(self) -> None:
        await self._disconnect()

    async def poll(self, max_records: int, timeout_s: float) -> Sequence[Delivery]:
        """Raises `Unavailable("broker")`; the next poll connects again. Records of a partition that was revoked since
        the last poll are not among those returned.
        """
        await self._connected()
        assert self._reading is not None
        try:
            async with translated():
                fetched = await self._reading.take(max_records, timeout_s)
        except Unavailable as wrong:
            await self._disconnect()
            self._log.warning("consumer replaced", group=self._group, reason=wrong.detail)
            raise
        found = [self._delivery(record) for records in fetched.values() for record in records]
        for delivery in found:
            place = (delivery.topic, delivery.partition)
            self._next[place] = delivery.offset + 1
            self._ours.add(place)
        return found

    async def commit(self, positions: Mapping[Place, int]) -> None:
        """Commits what is still ours. Positions of a partition lost since its records were polled are left out: its
        new owner reads those records again.
        """
        if self._group is None:
            return
        wanted = {self._partition(place): offset for place, offset in positions.items() if place in self._ours}
        if len(wanted) < len(positions):
            self._log.info("positions of lost partitions left out", group=self._group)
        if not wanted or self._consumer is None:
            return
        try:
            async with translated(), asyncio.timeout(15.0):
                await self._consumer.commit(wanted)
        except TimeoutError as late:
            raise Unavailable("broker", "no answer to a commit") from late
        except Unavailable as wrong:
            if not isinstance(wrong.__cause__, CommitFailedError | IllegalStateError):
                raise
            self._ours.difference_update(positions)
            self._log.info("partitions lost before the commit", group=self._group)

    async def end_offsets(self) -> Mapping[Place, int]:
        """Up to the last stable offset: an open transaction is not the end to be reached."""
        consumer = await self._connected()
        places = sorted(consumer.assignment())
        if not places:
            return {}
        try:
            async with translated(), asyncio.timeout(15.0):
                ends = await consumer.end_offsets(places)
        except TimeoutError as late:
            raise Unavailable("broker", "no answer about the ends of partitions") from late
        return {self._place(partition): end for partition, end in ends.items()}

    async def position(self) -> Mapping[Place, int]:
        """Moves over control records and compacted ones too, once they were polled."""
        consumer = await self._connected()
        found: dict[Place, int] = {}
        for partition in consumer.assignment():
            try:
                async with translated(), asyncio.timeout(15.0):
                    read = await consumer.position(partition)
            except TimeoutError as late:
                raise Unavailable("broker", "no answer about a position") from late
            except Unavailable as wrong:
                if not isinstance(wrong.__cause__, IllegalStateError):
                    raise
            else:
                held = self._reading.first(partition) if self._reading else None
                found[self._place(partition)] = read if held is None else held
        return found

    def lost(self) -> None:
        """Called when partitions are taken away: nothing polled so far may be committed any more."""
        self._ours.clear()
        if self._reading is not None:
            self._reading.forget()

    async def _connected(self) -> AIOKafkaConsumer:
        async with self._connecting:
            if self._consumer is None:
                self._consumer = await self._connect()
                self._reading = Reading(self._consumer)
            return self._consumer

    async def _connect(self, timeout_s: float = 30.0) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            **connection(self._settings),
            group_id=self._group,
            group_instance_id=self._settings.instance if self._group and self._static else None,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
            max_partition_fetch_bytes=2 * RECORD_LIMIT,
            fetch_max_wait_ms=250,
            max_poll_interval_ms=600_000,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=1_000,
            request_timeout_ms=15_000,
        )
        consumer.subscribe([self._settings.topic_prefix + topic for topic in self._topics], listener=_Listener(self))
        try:
            async with translated(), asyncio.timeout(timeout_s):
                await consumer.start()
                if self._group is None:
                    self._go_on(consumer)
        except BaseException as wrong:
            await _close(consumer)
            if isinstance(wrong, TimeoutError):
                raise Unavailable("broker", f"could not join within {timeout_s:g} s") from wrong
            raise
        return consumer

    def _go_on(self, consumer: AIOKafkaConsumer) -> None:
        for place, offset in self._next.items():
            if (partition := self._partition(place)) in consumer.assignment():
                consumer.seek(partition, offset)

    async def _disconnect(self) -> None:
        consumer, self._consumer = self._consumer, None
        reading, self._reading = self._reading, None
        self._ours.clear()
        if reading is not None:
            await reading.stop()
        if consumer is not None:
            await _close(consumer)

    def _partition(self, place: Place) -> TopicPartition:
        return TopicPartition(self._settings.topic_prefix + place[0], place[1])

    def _place(self, partition: TopicPartition) -> Place:
        return partition.topic.removeprefix(self._settings.topic_prefix), partition.partition

    def _delivery(self, record: Any) -> Delivery:
        topic = record.topic.removeprefix(self._settings.topic_prefix)
        return Delivery(
            topic, record.partition, record.offset, record.key, record.value, tuple(record.headers), record.timestamp
        )


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Any) -> None:
        if revoked:
            self._consumer.lost()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        pass


async def _close(consumer: AIOKafkaConsumer) -> None:
    # Leaving the group needs the broker; when it is away the session ends there by itself.
    try:
        async with asyncio.timeout(3.0):
            await consumer.stop()
    except (TimeoutError, KafkaError, OSError):
        pass
