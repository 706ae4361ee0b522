"""Takes batches of events into the read models; the offset is committed by the caller after it returns."""

from collections import defaultdict
from collections.abc import Sequence

from services.reporting.documents import Document, ReadModels, Write, newest, stamp
from services.reporting.projections import project
from services.reporting.sequences import count, merged, missing
from shared.bus import Delivery
from shared.events.base import Submitted
from shared.events.envelope import Event

Batch = Sequence[tuple[Delivery, Event]]
BATCH = 500
# The log is already there: of the many versions of a document in a large batch only the last is written.
REBUILD_BATCH = 2000


async def on_events(models: ReadModels, batch: Batch) -> Sequence[Event]:
    """Projects a batch; the same batch again, whole or in part, leaves the same documents. Publishes nothing."""
    writes = [write for delivery, event in batch for write in project(event, delivery)]
    writes += await _sightings(models, batch)
    told = [write for write in writes if write.collection == "folds"] + _progress(batch)
    await models.replace_newer(newest(write for write in writes if write.collection != "folds"))
    # Last: whoever reads how far this has come may rely on everything before it.
    await models.replace_newer(newest(told))
    return ()


def _progress(batch: Batch) -> list[Write]:
    """The next offset to project of each partition in the batch."""
    return [
        Write("progress", f"{delivery.topic}:{delivery.partition}", delivery.offset + 1, _place(delivery, event))
        for delivery, event in batch
    ]


def _place(delivery: Delivery, event: Event) -> Document:
    place = {"topic": delivery.topic, "partition": str(delivery.partition), "next": delivery.offset + 1}
    return {**place, "at": stamp(event.time), "written_ms": delivery.timestamp_ms}


async def _sightings(models: ReadModels, batch: Batch) -> list[Write]:
    """The sequence numbers seen of each subject, added to those known."""
    seen: dict[tuple[int, str], list[int]] = defaultdict(list)
    last: dict[tuple[int, str], tuple[int, str]] = {}
    for delivery, event in batch:
        if isinstance(event.data, Submitted):
            name = (delivery.partition, event.subject)
            seen[name].append(event.data.seq)
            last[name] = (delivery.offset, event.data.unit_id)
    known = await models.get_many("subjects", [f"{partition}:{subject}" for partition, subject in seen]) if seen else {}
    return [
        _sighting(name, known.get(f"{name[0]}:{name[1]}", {}).get("spans", []), numbers, *last[name])
        for name, numbers in seen.items()
    ]


def _sighting(name: tuple[int, str], spans: list[list[int]], numbers: list[int], offset: int, unit_id: str) -> Write:
    # Per partition, since an enterprise that moves to another unit continues its sequence on that unit's partition.
    partition, subject = name
    spans = merged(spans, numbers)
    document = {
        "partition": str(partition),
        "subject": subject,
        "unit_id": unit_id,
        "spans": spans,
        "seen": count(spans),
        "gapped": bool(missing(spans)),
    }
    return Write("subjects", f"{partition}:{subject}", offset, document)
