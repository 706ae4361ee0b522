"""Inspections: which submission stands for a submission key, the grading that counts, the findings in it. Called by the
fold.
"""

from dataclasses import dataclass, field

from services.scoring.rules import findings, grading
from services.scoring.rules.measures import shared_text
from services.scoring.rules.state import STAGE_RANK, Enterprise, Submission
from services.scoring.rules.turn import Turn
from shared.errors import Rejected
from shared.events.base import Outcome
from shared.events.inspections import InspectionSubmitted, ItemResult

FINDING, CONFORM = Outcome.FINDING, Outcome.CONFORM


@dataclass(slots=True)
class Answers:
    """The results of one inspection, sorted: findings, whole items answered without one, and places denied by
    reference.
    """

    findings: list[ItemResult] = field(default_factory=list)
    conform: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    places: list[ItemResult] = field(default_factory=list)


def sorted_answers(data: InspectionSubmitted) -> Answers:
    """The answers by kind."""
    answers = Answers()
    found, conform, skipped, places = answers.findings, answers.conform, answers.skipped, answers.places
    for result in data.results:
        outcome = result.outcome
        if outcome is FINDING:
            found.append(result)
        elif result.ref:
            places.append(result)
        elif outcome is CONFORM:
            conform.append(result.item)
        else:
            skipped.append(result.item)
    return answers


def on_inspection(turn: Turn, enterprise: Enterprise, data: InspectionSubmitted) -> bool:
    """Folds one stage's inspection; True when it superseded an earlier one of the same key.

    Raises `Rejected` for a checklist, grading item or direct-red rule that no rule set knows.
    """
    always_major = turn.book.always_major(data.checklist)
    if always_major is None:
        raise Rejected("unknown_checklist", data.checklist)
    if data.grading is not None:
        grading.check(data.grading, turn.book.grading(data.inspected_on))
    turn.touch(enterprise)
    answers, word = sorted_answers(data), findings.Word.of(data)
    replaced = stand(turn, enterprise, data, word, answers)
    reported = {findings.report(turn, enterprise, word, result, always_major) for result in answers.findings}
    if len(reported) < len(enterprise.findings):
        denied = dict.fromkeys(answers.conform, Outcome.CONFORM) | dict.fromkeys(
            answers.skipped, Outcome.NOT_APPLICABLE
        )
        places = {findings.identity(word, result): result.outcome for result in answers.places}
        findings.speak_of_others(turn, enterprise, word, reported, denied, places, replaced)
    if data.grading is not None:
        grade(turn, enterprise, data)
    return replaced is not None


def stand(
    turn: Turn, enterprise: Enterprise, data: InspectionSubmitted, word: findings.Word, answers: Answers
) -> Submission | None:
    """The submission stands for its key from now on; the one it replaces, if any."""
    current = turn.unit.current
    if current is not None and word.round_id < current:
        return None
    submission = Submission(
        word.round_id,
        word.rank,
        word.checklist,
        word.submission,
        data.seq,
        data.inspected_on,
        data.late,
        shared_text(f" {' '.join(answers.conform)} "),
        shared_text(f" {' '.join(answers.skipped)} "),
    )
    standing = enterprise.submissions
    for position, each in enumerate(standing):
        if each.stage == word.rank and each.checklist == word.checklist and each.round_id == word.round_id:
            standing[position] = submission
            return each
    standing.append(submission)
    return None


def grade(turn: Turn, enterprise: Enterprise, data: InspectionSubmitted) -> None:
    """Keeps the stage's latest non-null grading, unless one of a later round or a higher stage stands already."""
    rank, gradings = STAGE_RANK[data.stage], enterprise.gradings
    old = gradings[rank]
    higher = any(each is not None and each.round_id == data.round_id for each in gradings[rank + 1 :])
    if data.grading is None or higher or (old is not None and old.round_id > data.round_id):
        return
    for lower in range(rank):
        found = gradings[lower]
        gradings[lower] = None if found is not None and found.round_id == data.round_id else found
    table = turn.book.grading(data.inspected_on)
    gradings[rank] = grading.reported(data.grading, shared_text(data.round_id), table, data.inspected_on)
    grading.regrade(enterprise, turn.unit.current, turn.book)
