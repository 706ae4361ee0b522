"""A log on an empty broker, written again from the restored stores. Called by restoring."""

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from services.intake import wiring as intake
from services.notify import wiring as notify
from shared.bus import Delivery
from shared.events.base import LogPosition
from shared.kafka_bus import KafkaConsumer
from shared.settings import Settings

LOG = "inspections.v1"


async def records(settings: Settings, topic: str) -> AsyncIterator[Sequence[Delivery]]:
    """The topic from its start to its end at the time of the call, in order per partition. Raises `Unavailable`."""
    consumer = KafkaConsumer(settings, [topic], None)
    await consumer.start()
    try:
        ends, position = await consumer.end_offsets(), await consumer.position()
        while any(position.get(place, 0) < end for place, end in ends.items()):
            yield await consumer.poll(1000, 0.2)
            position = await consumer.position()
    finally:
        await consumer.stop()


async def is_empty(settings: Settings) -> bool:
    """Whether nothing was ever published to the log, or nothing is kept of it."""
    consumer = KafkaConsumer(settings, [LOG], None)
    await consumer.start()
    try:
        ends, starts = await consumer.end_offsets(), await consumer.position()
        return all(starts.get(place, 0) >= end for place, end in ends.items())
    finally:
        await consumer.stop()


async def numbers(settings: Settings) -> dict[str, int]:
    """The highest sequence number of each subject on the log."""
    found: dict[str, int] = {}
    async for page in records(settings, LOG):
        for delivery in page:
            event = delivery.event()
            if (seq := getattr(event.data, "seq", None)) is not None:
                found[event.subject] = max(found.get(event.subject, 0), seq)
    return found


class Times:
    """When the records of each partition happened, to find how far the log had come at a moment."""

    def __init__(self) -> None:
        self._partition_of: dict[str, int] = {}
        self._times: dict[int, array[float]] = defaultdict(lambda: array("d"))
        self._offsets: dict[int, array[int]] = defaultdict(lambda: array("q"))

    def take(self, delivery: Delivery) -> None:
        """The next record of its partition."""
        self._partition_of[(delivery.key or b"").decode()] = delivery.partition
        times = self._times[delivery.partition]
        moment = delivery.event().time.timestamp()
        times.append(max(moment, times[-1]) if times else moment)
        self._offsets[delivery.partition].append(delivery.offset)

    def known(self, unit_id: str, at: datetime) -> LogPosition | None:
        """The last record of the unit's partition that had happened by then; offset -1 when none had."""
        partition = self._partition_of.get(unit_id)
        if partition is None:
            return None
        count = bisect_right(self._times[partition], at.timestamp())
        return LogPosition(partition=partition, offset=self._offsets[partition][count - 1] if count else -1)


async def write(settings: Settings) -> dict[str, int]:
    """Publishes intake's log and notify's history, and moves the alerts to it. Answers the records by topic."""
    async with intake.republishing(settings) as log:
        published = await log.run()
    times = Times()
    async for page in records(settings, LOG):
        for delivery in page:
            times.take(delivery)
    async with notify.republishing(settings) as alerts:
        count = await alerts.run()
        await alerts.move(times.known)
    return {"inspections and registry": published, "alerts": count}
