"""The fold of one partition of `inspections.v1` into risk and hazards: state in memory, rows and events out.

Called by the worker, replay, rehearsal, tests and benchmarks. Pure: no I/O, clock or randomness; the same log gives
the same rows and, but for assessments left out between two flushes, the same events, however it is cut into batches.
"""

import hashlib
from dataclasses import dataclass

from services.scoring.rules import assessed, assessed_unit, rows, subjects
from services.scoring.rules.output import Cause, Derived
from services.scoring.rules.pending import Pending
from services.scoring.rules.progress import ROW, Progress
from services.scoring.rules.restoring import Asleep
from services.scoring.rules.rulebook import Rulebook, RuleSetMismatch
from services.scoring.rules.state import Unit
from services.scoring.rules.tally import Totals
from services.scoring.rules.turn import Turn
from shared.errors import Rejected
from shared.events.base import Data, Submitted
from shared.events.envelope import Event
from shared.events.inspections import RoundOpened
from shared.rulesets import RuleSets

__all__ = ["Effects", "PartitionFold", "RuleSetMismatch"]


@dataclass(frozen=True, slots=True)
class Effects:
    """What a batch changed: rows (None deletes) and derived events, in order, ready to be sent."""

    rows: list[tuple[bytes, bytes | None]]
    derived: list[Derived]

    @property
    def events(self) -> list[Event]:
        """The derived events, typed and validated: for readers in the same process."""
        return [each.event() for each in self.derived]


class PartitionFold:
    """State of one partition. Restore: `load` every row. Then `apply` events and `flush` at the end of each batch.

    `rehearse` folds with the rule sets at hand whatever the log names: for drafts, never for the worker.
    """

    def __init__(self, rules: RuleSets, partition: int, *, rehearse: bool = False) -> None:
        self.rules = rules
        self.rehearse = rehearse
        self.progress = Progress(partition)
        self.units: dict[str, Unit] = {}
        self.totals: dict[str, Totals] = {}
        self._default = Rulebook(rules)
        self._asleep = Asleep(rules, self._default, rehearse=rehearse)
        self._pending = Pending()

    def load(self, key: bytes, value: bytes) -> None:
        """Takes one row of the changelog, in any order; a unit's rows are read when an event falls on it. Raises
        `RuleSetMismatch` for a round whose rule sets are not at hand.
        """
        if key == ROW:
            self.progress.read(value)
        else:
            self._asleep.take(key, value)

    def wake(self) -> None:
        """Reads the rows of every unit."""
        for id in self._asleep.units:
            self._wake(id)

    def _wake(self, id: str) -> None:
        woken = self._asleep.wake(id)
        if woken is not None:
            self.units[id], self.totals[id] = woken

    def apply(self, event: Event, offset: int) -> None:
        """Folds one event. An offset at or before the last one handled is a redelivery and of no effect.

        Raises `Rejected` before anything is changed, `RuleSetMismatch` when the log names rule sets that are not at
        hand.
        """
        if offset <= self.progress.position:
            return
        data = event.data
        if not isinstance(data, Data) or type(data) not in subjects.HANDLERS:
            raise Rejected("unexpected_type", event.type)
        self._wake(data.unit_id)
        unit = self.units.get(data.unit_id) or Unit(data.unit_id)
        totals = self.totals.get(unit.id) or Totals()
        current = unit.round
        book = current.book if current is not None else self._default
        turn = Turn(Cause.of(event, self.progress.partition, offset), unit, totals, book, self._pending)
        if self._told(turn, data):
            self.units[unit.id], self.totals[unit.id] = unit, totals
        self._moved_to(offset, event)

    def _told(self, turn: Turn, data: Data) -> bool:
        """Whether the event was of effect: a unit of which nothing is known yet would have no row without one."""
        if isinstance(data, Submitted):
            return self._submitted(turn, data)
        if isinstance(data, RoundOpened):
            self._assess_due()  # as of before: another round changes what an assessment says
            return subjects.round_opened(turn, data, self.rules, rehearse=self.rehearse)
        return subjects.of_unit(turn, data)

    def _submitted(self, turn: Turn, data: Submitted) -> bool:
        owner = subjects.owner(turn.unit, data)
        if data.seq <= owner.seq:
            self.progress.duplicate += 1
            return False
        superseded = subjects.submitted(turn, owner, data)
        if data.seq > owner.seq + 1:
            owner.gap += data.seq - owner.seq - 1
            self.progress.gaps[owner.id] = owner.gap
        owner.seq = data.seq
        if data.drill:
            self.progress.drill += 1
        elif superseded:
            self.progress.superseded += 1
        else:
            self.progress.applied += 1
        return True

    def _moved_to(self, offset: int, event: Event) -> None:
        progress = self.progress
        progress.position, progress.changed = offset, True
        progress.as_of = max(progress.as_of, event.time)

    def note_dead_letter(self, offset: int) -> None:
        """The record at this offset went to the dead letters."""
        if offset > self.progress.position:
            self.progress.position, self.progress.changed = offset, True
            self.progress.dead_lettered += 1

    def flush(self) -> Effects:
        """Rows and events since the last flush: hazards in order, then the findings, enterprises and units that are
        due.
        """
        self._assess_due()
        pending, self._pending = self._pending, Pending()
        events = pending.events
        changed = [
            (rows.key(*key), rows.value(content) if content is not None else None)
            for key, content in pending.rows.items()
        ]
        if self.progress.changed:
            self.progress.changed = False
            events.append(self.progress.event())
            changed.append((ROW, self.progress.row()))
        return Effects(changed, events)

    def _assess_due(self) -> None:
        """The assessments that are due, of findings, of enterprises, then of units."""
        pending = self._pending
        pending.events += [assessed.finding(each, unit, cause) for each, (unit, cause) in pending.findings.items()]
        for (unit_id, drill, id), cause in pending.enterprises.items():
            unit = self.units[unit_id]
            enterprise = (unit.drills if drill else unit.enterprises)[id]
            book = unit.round.book if unit.round is not None else self._default
            pending.events.append(assessed.enterprise(enterprise, unit, book, cause))
        pending.events += [
            assessed_unit.unit(self.units[id], self.totals[id], cause) for id, cause in pending.units.items()
        ]
        pending.findings.clear()
        pending.enterprises.clear()
        pending.units.clear()

    def state_hash(self) -> dict[str, str]:
        """SHA-256 (hex) of each unit's rows in the order of their keys: the lines `key TAB value LF`."""
        self.wake()
        found = {}
        for id, unit in sorted(self.units.items()):
            digest = hashlib.sha256()
            for key, value in sorted((rows.key(*key), rows.value(content)) for key, content in subjects.contents(unit)):
                digest.update(key + b"\t" + value + b"\n")
            found[id] = digest.hexdigest()
        return found
