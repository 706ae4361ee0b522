"""Findings: episodes, the stages' verdicts, due dates, rectification. Called by the fold for inspections and
rectifications.
"""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from services.scoring.rules.measures import shared_text
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


class Word(NamedTuple):
    """Who speaks in an inspection, once for all of its results."""

    round_id: str
    rank: int
    enterprise_id: str
    checklist: str
    on: date
    submission: str
    drill: bool

    @classmethod
    def of(cls, data: InspectionSubmitted) -> "Word":
        """The speaker of an inspection."""
        return cls(
            shared_text(data.round_id),
            STAGE_RANK[data.stage],
            data.enterprise_id,
            shared_text(data.checklist),
            data.inspected_on,
            str(data.submission_id),
            data.drill,
        )


def identity(word: Word, result: ItemResult) -> str:
    """The id of the place that a result speaks of."""
    given = result.finding_id
    if given is None:
        given = finding_id(word.enterprise_id, word.checklist, result.item, result.ref, word.drill)
    return str(given)


def report(turn: Turn, enterprise: Enterprise, word: Word, result: ItemResult, always_major: bool) -> str:
    """A stage reports a finding: opens it, the next episode of it, or confirms it. Returns its id."""
    unit, id = turn.unit, identity(word, result)
    grade = result.grade or (Grade.MAJOR if always_major else Grade.ORDINARY)
    finding = enterprise.findings.get(id)
    if finding is None:
        finding = opened(turn, enterprise, word, result, id, grade)
    else:
        turn.touch_finding(finding)
        if finding.round_id < word.round_id:
            turn.leaves_round(finding)
        if finding.state == CLOSED:
            reopen(finding, word)
    finding.state = OPEN
    said = finding.said[word.rank]
    if said is None or said.round_id <= word.round_id:  # a late word of an earlier round leaves the later one standing
        finding.said[word.rank] = Said(word.round_id, Outcome.FINDING, grade, word.on, word.submission)
    finding.round_id = max(finding.round_id, word.round_id)
    finding.grade = standing_grade(finding)
    describe(finding, result)
    if result.due_on is not None:
        give_due(finding, result.due_on, word.rank, STAGES[word.rank])
    finding.overdue = is_overdue(finding, unit.day)
    return id


def opened(turn: Turn, enterprise: Enterprise, word: Word, result: ItemResult, id: str, grade: Grade) -> Finding:
    """A finding new to the state: first episode, or the next one of a place that was closed and has left the state."""
    episode, hazards = turn.unit.past.pop(id, (0, 0))
    if episode:
        turn.row("past", id, None)
    item, said = shared_text(result.item), earlier_words(enterprise, word, result.item)
    finding = Finding(
        id,
        enterprise,
        word.checklist,
        item,
        result.ref,
        grade,
        OPEN,
        episode + 1,
        word.round_id,
        word.round_id,
        word.on,
        said,
        recurrence=episode > 0,
        hazards=hazards,
    )
    turn.touch_finding(finding, new=True)
    enterprise.findings[id] = finding
    return finding


def earlier_words(enterprise: Enterprise, word: Word, item: str) -> list[Said | None]:
    """What the stages had said of the whole item in this round before anybody found something there."""
    said: list[Said | None] = [None, None, None]
    sought = f" {item} "
    for each in enterprise.submissions:
        if each.checklist == word.checklist and each.round_id == word.round_id:
            if sought in each.conform:
                said[each.stage] = Said(each.round_id, Outcome.CONFORM, None, each.on, each.id)
            elif sought in each.skipped:
                said[each.stage] = Said(each.round_id, Outcome.NOT_APPLICABLE, None, each.on, each.id)
    return said


def reopen(finding: Finding, word: Word) -> None:
    """Reported again after closing: the next episode, a recurrence, with a due date of its own."""
    finding.episode += 1
    finding.recurrence = True
    finding.opened_round = word.round_id
    finding.opened_on = word.on
    finding.closed_on = finding.due_on = finding.due_from = finding.step = None
    finding.due_rank = -1


def standing_grade(finding: Finding) -> Grade:
    """The grade given by the highest stage among the verdicts of the latest round that has one."""
    best: Said | None = None
    for said in finding.said:
        if said is not None and said.grade is not None and (best is None or said.round_id >= best.round_id):
            best = said
    return finding.grade if best is None or best.grade is None else best.grade


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
    """A later or superseding word that there is nothing: disputed, still open and of the grade it had; nobody clears a
    finding by submitting again.
    """
    turn.touch_finding(finding)
    finding.said[rank] = said
    if finding.state == OPEN:
        finding.state = DISPUTED


def withdraw_word(turn: Turn, finding: Finding, rank: int) -> None:
    """A superseding submission says nothing of it any more: the verdict goes, the finding stays, disputed."""
    turn.touch_finding(finding)
    finding.said[rank] = None
    if finding.state == OPEN:
        finding.state = DISPUTED


def speak_of_others(
    turn: Turn,
    enterprise: Enterprise,
    word: Word,
    reported: set[str],
    denied: dict[str, Outcome],
    places: dict[str, Outcome],
    replaced: Submission | None,
) -> None:
    """What an inspection says, or no longer says, of the enterprise's other findings on its checklist.

    `denied` holds the items answered as a whole, `places` the ids of findings denied by reference.
    """
    rank, checklist, round_id = word.rank, word.checklist, word.round_id
    disputed: list[tuple[str, Finding, Outcome | None]] = []
    for id, finding in enterprise.findings.items():
        if finding.checklist != checklist or id in reported:
            continue
        outcome, said = places.get(id) or denied.get(finding.item), finding.said[rank]
        if outcome is None:
            if replaced is not None and said is not None and said.submission == replaced.id:
                disputed.append((id, finding, None))
        # A stage that said so in this round before: its first word stands, nothing is new. Nor is a word of an
        # earlier round that comes late.
        elif said is None or said.round_id < round_id or (said.round_id == round_id and said.outcome is not outcome):
            disputed.append((id, finding, outcome))
    speak(turn, word, sorted(disputed))


def speak(turn: Turn, word: Word, disputed: Iterable[tuple[str, Finding, Outcome | None]]) -> None:
    """Each finding is denied, or (None) not spoken of any more."""
    denials: dict[Outcome, Said] = {}
    for _, finding, outcome in disputed:
        if outcome is None:
            withdraw_word(turn, finding, word.rank)
            continue
        said = denials.get(outcome)
        if said is None:
            said = denials[outcome] = Said(word.round_id, outcome, None, word.on, word.submission)
        deny(turn, finding, said, word.rank)


def on_rectification(turn: Turn, enterprise: Enterprise, data: RectificationReported) -> None:
    """A step of putting a finding right. Raises `Rejected` for a finding that the enterprise does not have,
    and for a step that is not the actor's to decide.
    """
    finding = enterprise.findings.get(str(data.finding_id))
    if finding is None:
        if str(data.finding_id) in turn.unit.past:
            return
        raise Rejected(
            "unknown_finding", f"{data.enterprise_id} has no {'drill ' * data.drill}finding {data.finding_id}"
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


def rejected(finding: Finding, _: RectificationReported) -> None:
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
