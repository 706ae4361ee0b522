"""A whole seeded round as reporting reads it: the log, and what scoring's own fold makes of it. For tests and
trials.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from services.scoring.rules.fold import PartitionFold
from shared.bus import Delivery, record_of
from shared.events.envelope import Event
from shared.rulesets import load
from tests.event_log import event_log


@dataclass
class Folded:
    """Deliveries per topic in the order they came, and the events behind them; partition by unit."""

    partitions: int = 3
    deliveries: list[tuple[Delivery, Event]] = field(default_factory=list)
    _next: dict[tuple[str, int], int] = field(default_factory=dict)

    def add(self, event: Event, partition: int) -> int:
        record = record_of(event)
        offset = self._next.get((record.topic, partition), 0)
        self._next[record.topic, partition] = offset + 1
        found = Delivery(record.topic, partition, offset, record.key, record.value, record.headers, 0)
        # Decoded again, as a reader would: scoring builds its events without validation.
        self.deliveries.append((found, found.event()))
        return offset


def folded(
    *, seed: int = 1, units: int = 3, enterprises: int = 6, partitions: int = 3, batch: int = 20, **more: int
) -> Folded:
    """The log of some units through the fold, flushed every `batch` events."""
    return folded_log(event_log(seed=seed, units=units, enterprises=enterprises, **more), partitions, batch)


def folded_log(events: Iterable[Event], partitions: int = 1, batch: int = 1) -> Folded:
    """A log through the fold, flushed every `batch` events."""
    found = Folded(partitions)
    folds = [PartitionFold(load(), number) for number in range(partitions)]
    for count, event in enumerate(events):
        number = zlib.crc32(event.key.encode()) % partitions
        folds[number].apply(event, found.add(event, number))
        if count % batch == batch - 1:
            flush(found, folds)
    flush(found, folds)
    return found


def flush(found: Folded, folds: list[PartitionFold]) -> None:
    for number, fold in enumerate(folds):
        for event in fold.flush().events:
            found.add(event, number)


def batches(found: Folded, size: int = 200) -> Iterator[list[tuple[Delivery, Event]]]:
    """The deliveries in batches."""
    for start in range(0, len(found.deliveries), size):
        yield found.deliveries[start : start + size]
