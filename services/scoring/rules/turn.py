"""One event being folded: what it touches, as it was before; `settle` works out every consequence of the difference."""

from dataclasses import dataclass, field
from operator import add, sub
from typing import Any, NamedTuple

from services.scoring.rules import assessed, tally, unit_risk
from services.scoring.rules.hazards import Standing, Subject, moved
from services.scoring.rules.measures import COLOURS, MICRO
from services.scoring.rules.output import Cause, Derived
from services.scoring.rules.rulebook import Index, Rulebook
from services.scoring.rules.state import CLOSED, STAGES, Enterprise, Finding, Unit
from services.scoring.rules.tally import Totals
from shared.events.base import Grade

RED = len(COLOURS) - 1
RowKey = tuple[str, str, str]


class FindingBefore(NamedTuple):
    """What a finding was before the event."""

    counts: tally.Counts
    hazard: Standing | None
    due_on: Any


@dataclass(slots=True)
class Pending:
    """What a flush has to write: rows changed (None: gone), and the last cause of each assessment that is due."""

    rows: dict[RowKey, Any] = field(default_factory=dict)
    events: list[Derived] = field(default_factory=list)
    enterprises: dict[tuple[str, bool, str], Cause] = field(default_factory=dict)
    units: dict[str, Cause] = field(default_factory=dict)


@dataclass(slots=True)
class Turn:
    """The event's cause, the unit it falls on, and the rules that hold there."""

    cause: Cause
    unit: Unit
    totals: Totals
    book: Rulebook
    pending: Pending
    findings: dict[str, tuple[Finding, FindingBefore]] = field(default_factory=dict)
    enterprises: dict[tuple[bool, str], tuple[Enterprise, Standing | None]] = field(default_factory=dict)
    rebuilt: bool = False
    only_changes: bool = False
    reason: str = "no_longer"

    @property
    def index(self) -> Index | None:
        """The unit index that holds in the current round."""
        current = self.unit.round
        return current.index if current is not None else None

    def touch(self, enterprise: Enterprise) -> None:
        """The event changes this enterprise: call it before the first change."""
        key = (enterprise.drill, enterprise.id)
        if key not in self.enterprises:
            self.enterprises[key] = (enterprise, red_hazard(enterprise))

    def touch_finding(self, finding: Finding, *, new: bool = False) -> None:
        """The event changes this finding: call it before the first change."""
        if finding.id in self.findings:
            return
        self.touch(finding.enterprise)
        if new:
            before = FindingBefore(tally.NO_FINDING, None, None)
        else:
            before = FindingBefore(tally.of_finding(finding, self.unit.current), major_hazard(finding), finding.due_on)
        self.findings[finding.id] = (finding, before)

    def row(self, kind: str, id: str, content: object) -> None:
        """The row is to be written from its object at the next flush; None deletes it."""
        self.pending.rows[self.unit.id, kind, id] = content


def major_hazard(finding: Finding) -> Standing | None:
    """A major finding is a hazard while it is open; once overdue under a severer row of the policy."""
    if finding.grade is not Grade.MAJOR or finding.state == CLOSED or finding.enterprise.withdrawn:
        return None
    facts = {
        "finding_id": finding.id,
        "checklist": finding.checklist,
        "item": finding.item,
        "ref": finding.ref,
        "location": finding.location,
        "due_on": finding.due_on.isoformat() if finding.due_on is not None else None,
        "overdue": finding.overdue,
    }
    return Standing("major_finding_overdue" if finding.overdue else "major_finding", facts)


def red_hazard(enterprise: Enterprise) -> Standing | None:
    """An enterprise whose grade in the round is red."""
    if enterprise.colour != RED or enterprise.withdrawn:
        return None
    grading = enterprise.gradings[enterprise.graded_stage]
    facts = {
        "score": enterprise.score / MICRO,
        "colour": COLOURS[enterprise.colour].value,
        "direct_red": list(grading.direct_red) if grading is not None else [],
        "stage": STAGES[enterprise.graded_stage].value,
    }
    return Standing("enterprise.red", facts)


def settle(turn: Turn) -> None:
    """Brings counts, hazards and assessments in line with what the event changed."""
    was = unit_risk.standpoint(turn.totals)
    for finding, found in turn.findings.values():
        settle_finding(turn, finding, found)
    for enterprise, before in turn.enterprises.values():
        settle_enterprise(turn, enterprise, before)
    if turn.rebuilt:
        unit_risk.rebuild(turn.unit, turn.totals)
    unit_risk.settle(turn.unit, turn.totals, was, turn.cause, turn.pending, only_changes=turn.only_changes)


def settle_finding(turn: Turn, finding: Finding, was: FindingBefore) -> None:
    """The finding's part of its enterprise, its hazard, and its assessment."""
    unit, enterprise = turn.unit, finding.enterprise
    counts = tally.of_finding(finding, unit.current)
    if counts != was.counts and not turn.rebuilt:
        enterprise.tally = tuple(map(add, enterprise.tally, map(sub, counts, was.counts)))
    if not enterprise.drill and not turn.rebuilt:
        turn.totals.forget_finding(finding.id, was.due_on)
        turn.totals.see_finding(finding)
    after = major_hazard(finding)
    if was.hazard is not None or after is not None:
        about = Subject(
            "major_finding",
            finding.id,
            unit.id,
            enterprise.id,
            finding.round_id,
            drill=enterprise.drill,
        )
        events, finding.hazards = moved(turn.cause, about, finding.hazards, was.hazard, after, turn.reason)
        turn.pending.events += events
    turn.pending.events.append(assessed.finding(finding, unit, turn.cause))
    if finding.id in enterprise.findings:
        turn.row("finding", finding.id, finding)


def settle_enterprise(turn: Turn, enterprise: Enterprise, before: Standing | None) -> None:
    """The enterprise's part of its unit, its hazard of being red, and that its assessment is due."""
    unit = turn.unit
    if not enterprise.drill and not turn.rebuilt:
        after = tally.of_enterprise(enterprise, unit.current, turn.index)
        turn.totals.moved(enterprise.part, after)
        enterprise.part = after
        if after[tally.DIRECT_RED]:
            turn.totals.direct_red.add(enterprise.id)
        else:
            turn.totals.direct_red.discard(enterprise.id)
    red = red_hazard(enterprise)
    if red is not None or before is not None:
        subject = f"drill:{enterprise.id}" if enterprise.drill else enterprise.id
        about = Subject("enterprise.red", subject, unit.id, enterprise.id, unit.current, drill=enterprise.drill)
        events, enterprise.reds = moved(turn.cause, about, enterprise.reds, before, red, turn.reason)
        turn.pending.events += events
    turn.pending.enterprises[unit.id, enterprise.drill, enterprise.id] = turn.cause
    turn.row("drill" if enterprise.drill else "enterprise", enterprise.id, enterprise)
