"""Findings: episodes, the stages' verdicts, due dates, rectification. Called by the fold for inspections and rectifications."""

import uuid
from datetime import date

from services.scoring.rules.rulebook import shared_text
from services.scoring.rules.state import (
    CLOSED,
    DISPUTED,
    OPEN,
    STAGE_RANK,
    STAGES,
    Enterprise,
    Finding,
    Said,
    Step,
    Submission,
)
from services.scoring.rules.turn import Turn
from shared.errors import Rejected
from shared.events.base import Grade, Outcome, Stage, finding_id
from shared.events.inspections import InspectionSubmitted, ItemResult, RectificationReported

BY_RANK = {"enterprise": 0, "county": 1, "expert": 2}


def identity(data: InspectionSubmitted, result: ItemResult) -> str:
    """The id of the place that a result speaks of."""
    given: uuid.UUID | None = result.finding_id
    if given is None:
        given = finding_id(data.enterprise_id, data.checklist, result.item, result.ref, data.drill)
    return str(given)


def report(
    turn: Turn, enterprise: Enterprise, data: InspectionSubmitted, result: ItemResult, always_major: bool
) -> str:
    """A stage reports a finding: opens it, the next episode of it, or confirms it. Returns its id."""
    unit, id = turn.unit, identity(data, result)
    rank, grade = STAGE_RANK[data.stage], result.grade or (Grade.MAJOR if always_major else Grade.ORDINARY)
    finding = unit.findings.get(id)
    if finding is None:
        finding = opened(turn, enterprise, data, result, id, grade)
    else:
        turn.touch_finding(finding)
        if finding.state == CLOSED:
            reopen(finding, data)
    finding.state = OPEN
    finding.said[rank] = Said(data.round_id, Outcome.FINDING, grade, data.inspected_on, str(data.submission_id))
    finding.round_id = max(finding.round_id, data.round_id)
    finding.grade = standing_grade(finding)
    describe(finding, result)
    if result.due_on is not None:
        give_due(finding, result.due_on, rank, STAGES[rank])
    finding.overdue = is_overdue(finding, unit.day)
    return id


def opened(
    turn: Turn, enterprise: Enterprise, data: InspectionSubmitted, result: ItemResult, id: str, grade: Grade
) -> Finding:
    """A finding new to the state: first episode, or the next one of a place that was closed and has left the state."""
    episode, hazards = turn.unit.past.pop(id, (0, 0))
    if episode:
        turn.row("past", id, None)
    checklist, item = shared_text(data.checklist), shared_text(result.item)
    finding = Finding(
        id,
        enterprise,
        checklist,
        item,
        result.ref,
        grade,
        OPEN,
        episode + 1,
        shared_text(data.round_id),
        shared_text(data.round_id),
        data.inspected_on,
        [None, None, None],
        recurrence=episode > 0,
        hazards=hazards,
    )
    turn.touch_finding(finding, new=True)
    turn.unit.findings[id] = enterprise.findings[id] = finding
    for submission in enterprise.submissions:
        if submission.checklist == checklist and submission.round_id == data.round_id:
            finding.said[submission.stage] = earlier_word(submission, item)
    return finding


def earlier_word(submission: Submission, item: str) -> Said | None:
    """What another stage had said of the whole item before anybody found something there."""
    outcome = None
    if item in submission.conform.split():
        outcome = Outcome.CONFORM
    elif item in submission.skipped.split():
        outcome = Outcome.NOT_APPLICABLE
    if outcome is None:
        return None
    return Said(submission.round_id, outcome, None, submission.on, submission.id)


def reopen(finding: Finding, data: InspectionSubmitted) -> None:
    """Reported again after closing: the next episode, a recurrence, with a due date of its own."""
    finding.episode += 1
    finding.recurrence = True
    finding.opened_round = shared_text(data.round_id)
    finding.opened_on = data.inspected_on
    finding.closed_on = finding.due_on = finding.due_from = finding.step = None
    finding.due_rank = -1


def standing_grade(finding: Finding) -> Grade:
    """The grade given by the highest stage among the verdicts of the latest round that has one."""
    best = max(
        (
            (said.round_id, rank, said.grade)
            for rank, said in enumerate(finding.said)
            if said is not None and said.grade is not None
        ),
        default=None,
    )
    return best[2] if best is not None else finding.grade


def describe(finding: Finding, result: ItemResult) -> None:
    """The latest words on it; what a report leaves out stays."""
    finding.focus = result.focus or finding.focus
    finding.location = result.location or finding.location
    finding.description = result.description or finding.description
    finding.measure = result.measure or finding.measure


def give_due(finding: Finding, due_on: date, rank: int, source: Stage) -> None:
    """The highest stage's due date counts; after the first, only county or expert moves it."""
    if finding.due_on is None or rank > finding.due_rank or (rank == finding.due_rank and rank > 0):
        finding.due_on, finding.due_rank, finding.due_from = due_on, rank, source


def is_overdue(finding: Finding, day: date | None) -> bool:
    """Open, and its due date is before the day of the last `day.started`."""
    return finding.state != CLOSED and finding.due_on is not None and day is not None and finding.due_on < day


def deny(turn: Turn, finding: Finding, said: Said, rank: int) -> None:
    """A later or superseding word that there is nothing: disputed, still open; nobody clears a finding by submitting again."""
    turn.touch_finding(finding)
    finding.said[rank] = said
    if finding.state == OPEN:
        finding.state = DISPUTED
    finding.grade = standing_grade(finding)


def withdraw_word(turn: Turn, finding: Finding, rank: int) -> None:
    """A superseding submission says nothing of it any more: the verdict goes, the finding stays, disputed."""
    turn.touch_finding(finding)
    finding.said[rank] = None
    if finding.state == OPEN:
        finding.state = DISPUTED


def speak_of_others(
    turn: Turn, enterprise: Enterprise, data: InspectionSubmitted, reported: set[str], replaced: Submission | None
) -> None:
    """What the submission says, or no longer says, of the enterprise's other findings on its checklist."""
    others = [
        each
        for id, each in sorted(enterprise.findings.items())
        if each.checklist == data.checklist and id not in reported
    ]
    if not others:
        return
    rank = STAGE_RANK[data.stage]
    denied = {
        result.item: result.outcome
        for result in data.results
        if result.outcome is not Outcome.FINDING and not result.ref
    }
    places = {
        identity(data, result): result.outcome
        for result in data.results
        if result.outcome is not Outcome.FINDING and result.ref
    }
    for finding in others:
        outcome = places.get(finding.id) or denied.get(finding.item)
        if outcome is not None:
            if _same_word(finding.said[rank], outcome, data.round_id):
                continue
            said = Said(shared_text(data.round_id), outcome, None, data.inspected_on, str(data.submission_id))
            deny(turn, finding, said, rank)
        elif replaced is not None and _said_by(finding, rank, replaced):
            withdraw_word(turn, finding, rank)


def _same_word(said: Said | None, outcome: Outcome, round_id: str) -> bool:
    """The stage said so in this round before: its first word stands, nothing is new."""
    return said is not None and said.outcome is outcome and said.round_id == round_id


def _said_by(finding: Finding, rank: int, submission: Submission) -> bool:
    said = finding.said[rank]
    return said is not None and said.submission == submission.id


def on_rectification(turn: Turn, enterprise: Enterprise, data: RectificationReported) -> None:
    """A step of putting a finding right. Raises `Rejected` for a finding that is unknown, another enterprise's, or not the actor's to decide."""
    finding = turn.unit.findings.get(str(data.finding_id))
    if finding is None:
        if str(data.finding_id) in turn.unit.past:
            return
        raise Rejected("unknown_finding", str(data.finding_id))
    if finding.enterprise is not enterprise:
        raise Rejected(
            "finding_of_another", f"{data.finding_id} is not a {'drill ' * data.drill}finding of {data.enterprise_id}"
        )
    if data.by == "enterprise" and data.action in ("verified", "rejected", "extended"):
        raise Rejected("not_theirs_to_decide", f"{data.action} comes from county or expert only")
    if finding.state == CLOSED and data.action != "rejected":
        return
    turn.touch_finding(finding)
    finding.step = Step(data.action, data.on, data.by, data.reason)
    STEPS[data.action](finding, data)
    finding.overdue = is_overdue(finding, turn.unit.day)


def planned(finding: Finding, data: RectificationReported) -> None:
    """A plan may give the first due date; it never moves one."""
    if data.due_on is not None and finding.due_on is None:
        give_due(finding, data.due_on, 0, STAGES[0])


def verified(finding: Finding, data: RectificationReported) -> None:
    """Only this closes a finding: in time when it was not verified after its due date."""
    finding.state, finding.closed_on = CLOSED, data.on
    finding.closed += 1
    finding.timely += finding.due_on is None or data.on <= finding.due_on


def rejected(finding: Finding, data: RectificationReported) -> None:
    """Back to open; a closing that is taken back does not count as one."""
    if finding.state == CLOSED and finding.closed and finding.closed_on is not None:
        finding.closed -= 1
        finding.timely -= finding.due_on is None or finding.closed_on <= finding.due_on
    finding.state, finding.closed_on = OPEN, None


def extended(finding: Finding, data: RectificationReported) -> None:
    """Another due date, given by county or expert with a reason."""
    if data.due_on is not None:
        finding.due_on, finding.due_rank, finding.due_from = data.due_on, BY_RANK[data.by], "extended"


STEPS = {"planned": planned, "done": planned, "verified": verified, "rejected": rejected, "extended": extended}
