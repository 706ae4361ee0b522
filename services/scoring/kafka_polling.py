"""What a poll of the source takes: what is there, and what has come behind it. Used by kafka_source.

Other consumers read ahead (`shared.kafka_reading`); here nothing is held between polls, so that a seek is all it takes
to read again.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

# A poll that answers at once found records fetched before it; when they are few, it waits this long for those behind.
AT_ONCE_S = 0.001
FEW = 50
TOP_UP_S = 0.003
LONGEST_S = 1.0

Found = dict[TopicPartition, Sequence[Any]]


async def polled(consumer: AIOKafkaConsumer, max_records: int, timeout_s: float) -> Found:
    """Records by partition, in order, `max_records` at most; after `timeout_s` none.

    aiokafka asks the broker again only once all it has fetched is taken: what came while the batch before was handled
    still waits there, behind the one record that the last answer held. So a second look follows a quick first one.
    """
    began = _time()
    found: Found = await consumer.getmany(timeout_ms=round(timeout_s * 1000), max_records=max_records)
    count = sum(map(len, found.values()))
    if not 0 < count < min(FEW, max_records) or _time() - began >= AT_ONCE_S:
        return found
    behind = await _behind(consumer, max_records - count)
    return {place: [*found.get(place, ()), *behind.get(place, ())] for place in {**found, **behind}}


async def _behind(consumer: AIOKafkaConsumer, max_records: int) -> Found:
    # In a rebalance or without a broker this may hang, and must not take with it what was read already.
    try:
        async with asyncio.timeout(LONGEST_S):
            found: Found = await consumer.getmany(timeout_ms=round(TOP_UP_S * 1000), max_records=max_records)
            return found
    except TimeoutError:
        return {}


def _time() -> float:
    return asyncio.get_running_loop().time()
