# mypy: disable-error-code="no-untyped-call"
"""The Kafka transactions of one source partition, over aiokafka. Used through ports.Transactions by stream."""

import asyncio
import logging
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.producer.message_accumulator import BatchBuilder

from services.scoring.kafka_options import KafkaOptions, translated
from shared.bus import Record

logger = logging.getLogger("keycounty.scoring")
BATCH_BYTES = 262_144
CLOSE_S = 3.0
# A transaction's steps meet "concurrent transactions" for milliseconds only.
RETRY_MS = 20


class KafkaTransactions:
    """One producer whose transactional id is that of the partition: whoever starts it last is the only one who can
    write."""

    def __init__(self, options: KafkaOptions, partition: int) -> None:
        self._options = options
        self._place = TopicPartition(options.source, partition)
        self._producer = AIOKafkaProducer(
            **{**options.connection, "retry_backoff_ms": RETRY_MS},
            transactional_id=options.transactional_id(partition),
            transaction_timeout_ms=int(options.transaction_s * 1000),
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=30_000,
        )

    async def start(self) -> None:
        with translated():
            await self._producer.start()

    async def commit(self, records: Sequence[Record], next_offset: int) -> None:
        with translated():
            await self._producer.begin_transaction()
            await self._write(records)
            # Not beside the batches: the broker verifies one request of a transaction at a time.
            await self._producer.send_offsets_to_transaction({self._place: next_offset}, self._options.group_id)
            await self._producer.commit_transaction()

    async def _write(self, records: Iterable[Record]) -> None:
        """All is with the broker on return: aiokafka would commit over a batch that failed."""
        topics: dict[str, list[Record]] = {}
        for record in records:
            topics.setdefault(record.topic, []).append(record)
        sent = []
        for topic, of_topic in topics.items():
            name = self._options.prefix + topic
            # The same number as the source's, but for the dead letters, which have fewer.
            partition = self._place.partition % len(await self._producer.partitions_for(name))
            sent += [await self._producer.send_batch(b, name, partition=partition) for b in self._batches(of_topic)]
        for result in await asyncio.gather(*sent, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    def _batches(self, records: Iterable[Record]) -> list[BatchBuilder]:
        """In order; a batch takes one record of any size, or as many as fit."""
        now = self._options.now_ms()
        batches = [self._producer.create_batch()]
        for record in records:
            key, value, headers = record.key, record.value, list(record.headers)
            if batches[-1].append(timestamp=now, key=key, value=value, headers=headers) is None:
                batches.append(self._producer.create_batch())
                if batches[-1].append(timestamp=now, key=key, value=value, headers=headers) is None:
                    raise ValueError(f"a record of {record.topic} does not fit into any batch")
        for batch in batches:
            batch.close()
        return batches

    async def close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._producer.stop()
        except Exception as error:  # noqa: BLE001 - the next start of these transactions ends what is open
            logger.warning("a producer was not closed in order: %r", error)
