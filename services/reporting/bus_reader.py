"""Reads consumers' offsets and the last dead letters from Kafka for the operations page. Built by wiring."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from services.reporting.bus_view import ConsumerLag, DeadLetter
from shared import topics
from shared.clock import Clock, real
from shared.errors import Unavailable
from shared.kafka_options import RECORD_LIMIT, connection, translated
from shared.settings import Settings
from shared.topics import DEAD_LETTERS

PATIENCE_S = 8.0
FETCH_S = 3.0
FETCH_MS = 200


class KafkaBusView:
    """Implements `BusView`; connects anew for each look, since an operator looks seldom. `now` must be the clock that
    stamps records, the machine's.
    """

    def __init__(self, settings: Settings, now: Clock = real) -> None:
        self._settings = settings
        self._now = now

    async def lags(self, groups: tuple[str, ...]) -> list[ConsumerLag]:
        async with self._consumer() as consumer:
            committed = await self._committed(groups)
            return [await self._lag(consumer, group, committed[group]) for group in groups]

    async def dead_letters(self, most: int) -> list[DeadLetter]:
        numbers = await topics.partitions(self._settings)
        async with self._consumer() as consumer:
            topic = self._settings.topic_prefix + DEAD_LETTERS
            places = [TopicPartition(topic, number) for number in range(numbers[topic] or 0)]
            begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
            starts = {place: max(begins[place], ends[place] - most) for place in places if ends[place] > begins[place]}
            found = [_dead_letter(record) for record in await _records(consumer, starts, ends)]
        return sorted(found, key=lambda one: one.at, reverse=True)[:most]

    async def _lag(self, consumer: Any, group: str, committed: Mapping[TopicPartition, int]) -> ConsumerLag:
        ends = await consumer.end_offsets(list(committed)) if committed else {}
        behind = {place: offset for place, offset in committed.items() if ends[place] > offset}
        # The end of a transaction is a record of its own, which nobody waits for: only what can be fetched counts.
        waiting = [record.timestamp / 1000 for record in await _records(consumer, behind, ends, firsts=True)]
        return ConsumerLag(group, bool(waiting), max(0.0, self._now().timestamp() - min(waiting)) if waiting else 0.0)

    async def _committed(self, groups: Sequence[str]) -> dict[str, dict[TopicPartition, int]]:
        admin = AIOKafkaAdminClient(**connection(self._settings), request_timeout_ms=int(PATIENCE_S * 1000))
        try:
            await admin.start()
            return {group: await self._offsets(admin, group) for group in groups}
        finally:
            await admin.close()

    async def _offsets(self, admin: Any, group: str) -> dict[TopicPartition, int]:
        found = await admin.list_consumer_group_offsets(self._settings.topic_prefix + group)
        return {place: one.offset for place, one in found.items() if one.offset >= 0}

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[Any]:
        consumer = AIOKafkaConsumer(
            **connection(self._settings),
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            max_partition_fetch_bytes=2 * RECORD_LIMIT,
            request_timeout_ms=int(PATIENCE_S * 1000),
        )
        try:
            async with translated(), asyncio.timeout(PATIENCE_S):
                await consumer.start()
                yield consumer
        except TimeoutError as late:
            raise Unavailable("broker", f"no answer within {PATIENCE_S:g} s") from late
        finally:
            await consumer.stop()


async def _records(
    consumer: Any, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int], *, firsts: bool = False
) -> list[Any]:
    """The records between some places and the ends, as far as they come in time; with `firsts` some of each partition
    are enough.
    """
    if not starts:
        return []
    consumer.assign(list(starts))
    for place, offset in starts.items():
        consumer.seek(place, offset)
    found: dict[TopicPartition, list[Any]] = {place: [] for place in starts}
    deadline = asyncio.get_running_loop().time() + FETCH_S
    while asyncio.get_running_loop().time() < deadline:
        left = [place for place in starts if not (firsts and found[place])]
        if all([await consumer.position(place) >= ends[place] for place in left]):
            break
        for place, records in (await consumer.getmany(timeout_ms=FETCH_MS)).items():
            found[place] += records
    return [record for records in found.values() for record in records]


def _dead_letter(record: Any) -> DeadLetter:
    ours = {name: value.decode(errors="replace") for name, value in record.headers if name.startswith("kc_")}
    return DeadLetter(
        id=f"{record.partition}-{record.offset}",
        at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        service=ours.get("kc_service", ""),
        reason=ours.get("kc_reason", ""),
        detail=ours.get("kc_detail", ""),
        source=ours.get("kc_source", ""),
    )
