"""Rounds and days: opened, closed, a day started, an enterprise withdrawn. Called by the fold."""

from collections.abc import Iterator
from datetime import date

from services.scoring.rules import findings, grading, hazard_units, installations
from services.scoring.rules.rulebook import Rulebook, RuleSetMismatch
from services.scoring.rules.state import CLOSED, Enterprise, Finding, Given, Round, Unit
from services.scoring.rules.turn import Turn
from shared.events.inspections import DayStarted, EnterpriseWithdrawn, RoundClosed, RoundOpened
from shared.rulesets import RuleSets


def prepared(rules: RuleSets, opened: RoundOpened, closed_revision: int, *, rehearse: bool) -> Round:
    """A round with the rules that hold in it.

    Raises `RuleSetMismatch` when the log names a rule set that is not at hand with the same hash, unless this is a
    rehearsal
    with other rules.
    """
    wrong = [] if rehearse else rules.mismatches(opened.rule_sets)
    if wrong:
        raise RuleSetMismatch(f"round {opened.round_id} of {opened.unit_id}: " + "; ".join(wrong))
    book = Rulebook(rules, () if rehearse else opened.rule_sets)
    start = min((window.from_.date() for window in opened.windows.values()), default=date(opened.year, 1, 1))
    return Round(opened, closed_revision, book, book.index(start), frozenset(opened.enterprises))


def on_opened(turn: Turn, data: RoundOpened, found: Round) -> bool:
    """A round, whole, with a higher revision than before; it becomes the current one unless a later round already is.
    False when old.
    """
    unit = turn.unit
    known = unit.rounds.get(data.round_id)
    if known is not None and max(known.opened.revision, known.closed_revision) >= data.revision:
        return False
    turn.rebuilt = True
    turn.reason = "round_opened"
    newer = unit.current is None or data.round_id > unit.current
    if newer or data.round_id == unit.current:
        touch_changed(turn, found, newer=newer)
    unit.rounds[data.round_id] = found
    turn.row("round", data.round_id, found)
    if newer:
        begin(turn, data.round_id)
    if data.round_id == unit.current:
        enrol(turn, found)
    return True


def touch_changed(turn: Turn, found: Round, *, newer: bool) -> None:
    """Before the change: the enterprises and findings that another round, or another enrolment, makes different."""
    unit = turn.unit
    known = unit.rounds.get(found.id)
    regraded = newer or (known is not None and known.opened.rule_sets != found.opened.rule_sets)
    for id in found.opened.enterprises:
        if id not in unit.enterprises:
            unit.enterprises[id] = Enterprise(id)
            turn.touch(unit.enterprises[id])
    for _, enterprise in sorted(unit.enterprises.items()):
        enrolled = enterprise.id in found.enrolled
        if regraded or enrolled != enterprise.enrolled:
            turn.touch(enterprise)
        if enrolled and enterprise.withdrawn:
            reinstate(turn, enterprise)
    if regraded:
        touch_drills(turn, unit)
    if newer:
        for finding in sorted(own_findings(unit), key=lambda each: each.id):
            if finding.state != CLOSED:
                turn.touch_finding(finding)


def touch_drills(turn: Turn, unit: Unit) -> None:
    """The drills under way: what was graded in them is graded anew."""
    for _, enterprise in sorted(unit.drills.items()):
        if not enterprise.withdrawn:
            turn.touch(enterprise)


def begin(turn: Turn, round_id: str) -> None:
    """Another round becomes the current one: open findings carry over, closed ones leave, counts start again."""
    unit = turn.unit
    prune(turn, unit)
    unit.current, unit.closed, unit.timely, unit.given = round_id, 0, 0, Given()
    for finding in own_findings(unit):
        if finding.closed or finding.timely:
            finding.closed = finding.timely = 0
            turn.row("finding", finding.id, finding)
    for enterprise in (*unit.enterprises.values(), *unit.drills.values()):
        leave_earlier_rounds(turn, enterprise, round_id)
    for id, each in list(unit.rounds.items()):
        if id < round_id and each.opened.enterprises:
            slim = each.opened.model_copy(update={"enterprises": (), "key_tasks": ()})
            unit.rounds[id] = Round(slim, each.closed_revision, each.book, each.index, frozenset())
            turn.row("round", id, unit.rounds[id])
    named = {task.id for task in unit.rounds[round_id].opened.key_tasks}
    unit.tasks = {key: progress for key, progress in unit.tasks.items() if key in named}


def leave_earlier_rounds(turn: Turn, enterprise: Enterprise, round_id: str) -> None:
    """Submissions and gradings of earlier rounds have done their work."""
    kept = [each for each in enterprise.submissions if each.round_id >= round_id]
    gradings = [each if each is not None and each.round_id >= round_id else None for each in enterprise.gradings]
    if len(kept) != len(enterprise.submissions) or gradings != enterprise.gradings:
        enterprise.submissions, enterprise.gradings = kept, gradings
        turn.row("drill" if enterprise.drill else "enterprise", enterprise.id, enterprise)


def enrol(turn: Turn, found: Round) -> None:
    """Sets who is enrolled and every grade, by the rules of the round."""
    for enterprise in turn.unit.enterprises.values():
        enterprise.enrolled = enterprise.id in found.enrolled
        grading.regrade(enterprise, found.id, found.book)
    for enterprise in turn.unit.drills.values():
        grading.regrade(enterprise, found.id, found.book)


def on_closed(turn: Turn, data: RoundClosed) -> bool:
    """The round is closed: its closed findings leave the state, their counts and last episodes stay. False when known
    already.
    """
    unit = turn.unit
    known = unit.rounds.get(data.round_id)
    if known is None or known.closed_revision or known.opened.revision > data.revision:
        return False
    known.closed_revision = data.revision
    turn.row("round", data.round_id, known)
    if data.round_id == unit.current:
        turn.rebuilt = True
        prune(turn, unit)
    return True


def prune(turn: Turn, unit: Unit) -> None:
    """Closed findings leave the state; what is needed to know them again is their last episode and hazard."""
    for finding in [each for each in own_findings(unit) if each.state == CLOSED]:
        forget(turn, finding)
        if not finding.enterprise.withdrawn:
            unit.closed += finding.closed
            unit.timely += finding.timely


def own_findings(unit: Unit) -> Iterator[Finding]:
    """The findings of the unit's enterprises, drills left out."""
    for enterprise in unit.enterprises.values():
        yield from enterprise.findings.values()


def forget(turn: Turn, finding: Finding) -> None:
    """Replaces a finding by its last episode."""
    del finding.enterprise.findings[finding.id]
    turn.unit.past[finding.id] = (finding.episode, finding.hazards)
    turn.row("finding", finding.id, None)
    turn.row("past", finding.id, turn.unit.past[finding.id])


def on_day(turn: Turn, data: DayStarted) -> bool:
    """Due dates move: what fell due before this day is overdue, what reached its age is old. False for a day already
    started.
    """
    unit = turn.unit
    if unit.day is not None and data.day <= unit.day:
        return False
    unit.day, turn.only_changes = data.day, True
    due = turn.totals.due
    fallen = [each for day in due if day < data.day for each in due[day].values()]
    drilled = [each for enterprise in unit.drills.values() for each in enterprise.findings.values()]
    for finding in sorted((*fallen, *drilled), key=lambda each: each.id):
        if findings.is_overdue(finding, data.day) and not finding.overdue:
            turn.touch_finding(finding)
            finding.overdue = True
    for id in sorted(turn.totals.ageing):
        installations.grow_old(turn, unit.enterprises[id])
    return True


def on_withdrawn(turn: Turn, data: EnterpriseWithdrawn) -> bool:
    """The unit has the enterprise no longer: it counts nowhere and its hazards are cleared. False when unknown or known
    already.
    """
    enterprise = turn.unit.enterprises.get(data.enterprise_id)
    if enterprise is None or enterprise.withdrawn or (enterprise.withdrawn_at or turn.cause.time) > turn.cause.time:
        return False
    if enterprise.withdrawn_at == turn.cause.time:
        return False
    turn.reason = "enterprise_withdrawn"
    turn.touch(enterprise)
    for _, finding in sorted(enterprise.findings.items()):
        turn.touch_finding(finding)
    for _, unit in sorted((enterprise.hazard_units or {}).items()):
        if not unit.withdrawn:
            hazard_units.drop_hazards(turn, enterprise, unit, turn.reason)
            hazard_units.file(turn, enterprise, unit)
    enterprise.withdrawn, enterprise.withdrawn_at = True, turn.cause.time
    return True


def reinstate(turn: Turn, enterprise: Enterprise) -> None:
    """It is enrolled, or submits, again: what stands of it counts again."""
    turn.touch(enterprise)
    for _, finding in sorted(enterprise.findings.items()):
        turn.touch_finding(finding)
    enterprise.withdrawn = False
    hazard_units.restate(turn, enterprise)
