"""What `keycounty replay` does: reads log and changelog from Kafka, folds, compares. Called through wiring."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from services.scoring.kafka_log import read
from services.scoring.kafka_options import KafkaOptions
from services.scoring.ports import Arrived
from services.scoring.replay import Difference, Outcome, Replay, differing, state_of
from services.scoring.rules.fold import PartitionFold

NewFold = Callable[[int], PartitionFold]


@dataclass(slots=True)
class Report:
    """`units`: by unit the hash of the state folded again and (None: not compared) that of the live state.

    `progress`: by partition the counts of the fold. `outputs`: hazards in order and the last output of each subject.
    """

    units: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    progress: dict[int, dict[str, object]] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    outputs: Outcome = field(default_factory=Outcome)

    @property
    def same(self) -> bool:
        """No unit's live state differs from the state folded again."""
        return all(live is None or live == again for again, live in self.units.values())

    @property
    def state_hash(self) -> str:
        """SHA-256 over every unit and the hash of its state folded again: one figure to tell two replays apart by."""
        lines = (f"{unit} {again}\n" for unit, (again, _) in sorted(self.units.items()))
        return sha256("".join(lines).encode()).hexdigest()

    def as_json(self, outputs: bool) -> dict[str, Any]:
        units = [{"unit_id": id, "hash": again, "live_hash": live} for id, (again, live) in sorted(self.units.items())]
        found: dict[str, Any] = {"same": self.same, "state_hash": self.state_hash, "units": units}
        found["partitions"] = self.progress
        found["differences"] = [asdict(each) for each in self.differences]
        if outputs:
            found |= {"hazards": self.outputs.hazards, "last": self.outputs.last}
        return found


class Replaying:
    """One replay over Kafka. `draft` folds with draft rules beside the rules that the log names."""

    def __init__(self, options: KafkaOptions, partitions: int, new_fold: NewFold, draft: NewFold | None) -> None:
        self._options = options
        self._partitions = range(partitions)
        self._new_fold = new_fold
        self._draft = draft

    async def run(self, until: datetime | None) -> Report:
        """Reads the live rows first; the log is then folded as far as these rows are. With `until` there is no
        comparison. Raises `Unavailable`, and `RuleSetMismatch` for a log whose rule sets are not at hand."""
        live = {} if until else await self._live()
        ends = {number: fold.progress.position for number, fold in live.items()}
        again, draft = Replay(self._new_fold, until), Replay(self._draft or self._new_fold, until)
        async for number, records in read(self._options, self._options.source, self._partitions):
            wanted = [record for record in records if number not in ends or record.offset <= ends[number]]
            again.take(number, wanted)
            if self._draft:
                draft.take(number, wanted)
        return self._report(again, draft, live)

    def _report(self, again: Replay, draft: Replay, live: dict[int, PartitionFold]) -> Report:
        outcome = again.outcome()
        alive = {unit: value for fold in live.values() for unit, value in fold.state_hash().items()}
        units = {
            unit: (outcome.hashes.get(unit, ""), alive.get(unit, "") if live else None)
            for unit in outcome.hashes.keys() | alive.keys()
        }
        progress = {number: _counts(fold) for number, fold in sorted(again.folds.items())}
        return Report(units, progress, differing(outcome, draft.outcome()) if self._draft else [], outcome)

    async def _live(self) -> dict[int, PartitionFold]:
        """The state that the changelog holds, by partition; a partition never folded stands at its very start."""
        rows: dict[int, dict[bytes, bytes]] = {number: {} for number in self._partitions}
        async for number, records in read(self._options, self._options.changelog, self._partitions):
            _keep_last(rows[number], records)
        return {number: state_of(found, self._new_fold(number)) for number, found in rows.items()}


def _keep_last(rows: dict[bytes, bytes], records: Iterable[Arrived]) -> None:
    for record in records:
        key, value = record.key, record.value
        if value is None:
            rows.pop(key or b"", None)
        else:
            rows[key or b""] = value


def _counts(fold: PartitionFold) -> dict[str, object]:
    progress = fold.progress
    names = ("applied", "superseded", "duplicate", "drill", "dead_lettered", "position", "gaps")
    return {name: getattr(progress, name) for name in names}
