"""The log folded again from its start, without touching a live topic: state hashes, outputs, and what draft rules
change.

Called by `keycounty replay` through wiring, and by the test of the frozen log.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.scoring.ports import Arrived
from services.scoring.rules.fold import PartitionFold
from services.scoring.rules.output import Derived
from shared.errors import Rejected
from shared.events.envelope import decode
from shared.events.hazards import HazardRaised, HazardUpdated
from shared.events.risk import UnitAssessed

Alert = tuple[str, str, int]


@dataclass(slots=True)
class Outcome:
    """What a fold of whole partitions has come to. `last` is a SHA-256 (hex) by type and subject."""

    hashes: dict[str, str] = field(default_factory=dict)
    units: dict[str, UnitAssessed] = field(default_factory=dict)
    alerts: dict[str, set[Alert]] = field(default_factory=dict)
    hazards: list[str] = field(default_factory=list)
    last: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """A unit that draft rules would show or alert differently; alerts as kind and subject."""

    unit_id: str
    colour: str | None
    draft_colour: str | None
    index: float | None
    draft_index: float | None
    new_alerts: list[str]
    lost_alerts: list[str]


class Replay:
    """Folds partitions from offset 0 on: `take` records in order, then `outcome`. `until` leaves later events out."""

    def __init__(self, new_fold: Callable[[int], PartitionFold], until: datetime | None = None) -> None:
        self._new_fold = new_fold
        self._until = until
        self._outcome = Outcome()
        self.folds: dict[int, PartitionFold] = {}

    def take(self, partition: int, records: Iterable[Arrived]) -> None:
        """Folds records of one partition and notes what comes out."""
        fold = self.folds.setdefault(partition, self._new_fold(partition))
        for record in records:
            try:
                event = decode(record.key, record.value, tuple(record.headers))
                if self._until is None or event.time <= self._until:
                    fold.apply(event, record.offset)
            except Rejected:
                fold.note_dead_letter(record.offset)
        for output in fold.flush().derived:
            self._note(output)

    def outcome(self) -> Outcome:
        for fold in self.folds.values():
            self._outcome.hashes |= fold.state_hash()
        return self._outcome

    def _note(self, output: Derived) -> None:
        event, outcome = output.event(), self._outcome
        data = event.data
        if isinstance(data, UnitAssessed):
            outcome.units[data.unit_id] = data
        elif isinstance(data, HazardRaised) and not isinstance(data, HazardUpdated):
            outcome.alerts.setdefault(data.unit_id, set()).add((data.kind, data.subject, data.episode))
        if ".hazard." in event.type:
            outcome.hazards.append(str(event.id))
        outcome.last[f"{event.type}|{event.subject}"] = hashlib.sha256(output.value).hexdigest()


def state_of(rows: Mapping[bytes, bytes], fold: PartitionFold) -> PartitionFold:
    """The fold with the rows of its partition loaded."""
    for key, value in rows.items():
        fold.load(key, value)
    return fold


def differing(now: Outcome, draft: Outcome) -> list[Difference]:
    """The units whose colour or alerts the draft would change, in order."""
    found = (_difference(unit, now, draft) for unit in sorted(now.units.keys() | draft.units.keys()))
    return [each for each in found if each.colour != each.draft_colour or each.new_alerts or each.lost_alerts]


def _difference(unit: str, now: Outcome, draft: Outcome) -> Difference:
    old, new = now.units.get(unit), draft.units.get(unit)
    had, has = now.alerts.get(unit, set()), draft.alerts.get(unit, set())
    return Difference(
        unit,
        old.colour if old else None,
        new.colour if new else None,
        old.index if old else None,
        new.index if new else None,
        sorted(f"{kind} {subject}" for kind, subject, _ in has - had),
        sorted(f"{kind} {subject}" for kind, subject, _ in had - has),
    )
