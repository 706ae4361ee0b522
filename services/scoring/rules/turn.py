"""One event being folded: what it touches, as it was before; `settle` works out every consequence of the difference."""

from dataclasses import dataclass, field
from datetime import date
from operator import add, sub

from services.scoring.rules import assessed, tally, unit_risk
from services.scoring.rules.hazards import Standing, Subject, changed, moved
from services.scoring.rules.measures import COLOURS, MICRO
from services.scoring.rules.output import Cause
from services.scoring.rules.pending import Pending
from services.scoring.rules.rulebook import Index, Rulebook
from services.scoring.rules.state import CLOSED, STAGES, Enterprise, Finding, Unit
from services.scoring.rules.tally import Totals
from shared.events.base import Grade

RED = len(COLOURS) - 1
MAJOR = Grade.MAJOR


# What a finding is to counts, files and hazards: its counts, whether its enterprise was withdrawn, its due date, and
# for a major finding that stands, its location. Plain tuples: each event takes several of them.
View = tuple[tally.Counts, bool, date | None, bool, str | None]
UNSEEN: View = (tally.NO_FINDING, False, None, False, None)


@dataclass(slots=True)
class Turn:
    """The event's cause, the unit it falls on, and the rules that hold there."""

    cause: Cause
    unit: Unit
    totals: Totals
    book: Rulebook
    pending: Pending
    findings: dict[str, tuple[Finding, View]] = field(default_factory=dict)
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
        self.findings[finding.id] = (finding, UNSEEN if new else view(finding, self.unit.current))

    def leaves_round(self, finding: Finding) -> None:
        """The event takes the finding into a later round: what is due of it is said while it is of the earlier one."""
        due = self.pending.findings.pop(finding, None)
        if due is not None:
            self.pending.events.append(assessed.finding(finding, *due))

    def row(self, kind: str, id: str, content: object) -> None:
        """The row is to be written from its object at the next flush; None deletes it."""
        self.pending.rows[self.unit.id, kind, id] = content


def view(finding: Finding, current: str | None) -> View:
    """The finding as counts, files and hazards see it. A major finding is a hazard while it is open."""
    withdrawn = finding.enterprise.withdrawn
    stands = finding.grade is MAJOR and finding.state != CLOSED and not withdrawn
    return tally.of_finding(finding, current), withdrawn, finding.due_on, stands, finding.location


def major_hazard(finding: Finding) -> Standing:
    """What is stated of a major finding; once overdue under a severer row of the policy."""
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


def settle_finding(turn: Turn, finding: Finding, before: View) -> None:
    """The finding's part of its enterprise, its hazard, and that its assessment is due."""
    after = view(finding, turn.unit.current)
    if after != before:
        if not turn.rebuilt:
            count_finding(turn, finding, before, after)
        state_finding(turn, finding, before, after)
    turn.pending.finding_due(finding, turn.unit, turn.cause)
    if finding.id in finding.enterprise.findings:
        turn.row("finding", finding.id, finding)


def count_finding(turn: Turn, finding: Finding, before: View, after: View) -> None:
    """Its part of its enterprise, and where the unit files it."""
    enterprise = finding.enterprise
    if after[0] != before[0]:
        enterprise.tally = tuple(map(add, enterprise.tally, map(sub, after[0], before[0])))
    if not enterprise.drill:
        if before is not UNSEEN:
            turn.totals.forget_finding(finding.id, before[2])
        turn.totals.see_finding(finding)


def state_finding(turn: Turn, finding: Finding, before: View, after: View) -> None:
    """Its hazard: raised, restated when it fell overdue or its due date or place changed, cleared."""
    stood, stands = before[3], after[3]
    if not stood and not stands:
        return
    if stood and stands and _stated(before) == _stated(after):
        return
    drill = finding.enterprise.drill
    about = Subject("major_finding", finding.id, turn.unit.id, finding.enterprise.id, finding.round_id, drill=drill)
    standing = major_hazard(finding) if stands else None
    events, finding.hazards = changed(turn.cause, about, finding.hazards, stood, standing, turn.reason)
    turn.pending.events += events


def _stated(found: View) -> tuple[bool, date | None, str | None]:
    """What of a major finding that stands its hazard states: whether it is overdue, its due date and place."""
    counts, _, due_on, _, location = found
    return bool(counts[tally.OVERDUE_MAJOR]), due_on, location


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
    turn.pending.enterprise_due((unit.id, enterprise.drill, enterprise.id), turn.cause)
    turn.row("drill" if enterprise.drill else "enterprise", enterprise.id, enterprise)
