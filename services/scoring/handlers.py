"""One batch of one partition: records in, records out. Called by stream within a transaction, by replay and by the
benchmarks without."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.scoring.ports import Arrived, Effects, Output, PartitionFold
from shared.bus import Record
from shared.errors import Rejected
from shared.events.envelope import decode

SOURCE = "inspections.v1"
CHANGELOG = "scoring-state.v1"
DEAD_LETTERS = "dead-letters.v1"
DETAIL_LIMIT = 2000


class TooManyRejected(Exception):
    """So many records in a row were rejected that the fault is ours: nothing of the batch is committed."""


@dataclass(slots=True)
class Strict:
    """Counts rejected records in a row. Raises `TooManyRejected` at `limit`: the topic is not drained into the dead
    letters."""

    limit: int = 100
    in_a_row: int = 0

    def count(self, rejected: bool) -> None:
        self.in_a_row = self.in_a_row + 1 if rejected else 0
        if self.in_a_row >= self.limit:
            raise TooManyRejected(f"{self.in_a_row} records in a row were rejected")


def fold_batch(
    fold: PartitionFold, partition: int, arrived: Sequence[Arrived], strict: Strict | None = None
) -> list[Record]:
    """Folds the records in order and gives all that must become durable with them: dead letters, rows, outputs."""
    strict = strict or Strict()
    records = []
    for record in arrived:
        try:
            fold.apply(decode(record.key, record.value, tuple(record.headers)), record.offset)
            strict.count(rejected=False)
        except Rejected as reason:
            fold.note_dead_letter(record.offset)
            records.append(dead_letter(record, partition, reason))
            strict.count(rejected=True)
    records.extend(records_of(fold.flush(), partition))
    return records


def records_of(effects: Effects, partition: int) -> Iterator[Record]:
    """Rows and events as records on the source's own partition number."""
    for key, value in effects.rows:
        yield Record(CHANGELOG, key, value, (), partition)
    for each in effects.derived:
        yield output(each, partition)


def output(derived: Output, partition: int) -> Record:
    return Record(derived.topic, derived.key.encode(), derived.value, derived.headers, partition)


def dead_letter(record: Arrived, partition: int, reason: Rejected) -> Record:
    """The record as it was, with why and where from in `kc_` headers."""
    told = (
        ("kc_reason", reason.reason.encode()),
        ("kc_detail", reason.detail[:DETAIL_LIMIT].encode()),
        ("kc_source", f"{SOURCE}:{partition}:{record.offset}".encode()),
        ("kc_service", b"scoring"),
    )
    return Record(DEAD_LETTERS, record.key, record.value, (*record.headers, *told), partition)
