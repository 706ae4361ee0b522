"""Inspections: which submission stands for a submission key, the grading that counts, and the findings in it. Called by the fold."""

from services.scoring.rules import findings, grading
from services.scoring.rules.rulebook import shared_text
from services.scoring.rules.state import STAGE_RANK, Enterprise, Submission
from services.scoring.rules.turn import Turn
from shared.errors import Rejected
from shared.events.base import Outcome
from shared.events.inspections import InspectionSubmitted


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
    replaced = stand(turn, enterprise, data)
    reported = {
        findings.report(turn, enterprise, data, result, always_major)
        for result in data.results
        if result.outcome is Outcome.FINDING
    }
    findings.speak_of_others(turn, enterprise, data, reported, replaced)
    if data.grading is not None:
        grade(turn, enterprise, data)
    return replaced is not None


def stand(turn: Turn, enterprise: Enterprise, data: InspectionSubmitted) -> Submission | None:
    """The submission stands for its key from now on; the one it replaces, if any."""
    rank, current = STAGE_RANK[data.stage], turn.unit.current
    if current is not None and data.round_id < current:
        return None
    plain = [result for result in data.results if not result.ref and result.outcome is not Outcome.FINDING]
    conform = " ".join([result.item for result in plain if result.outcome is Outcome.CONFORM])
    skipped = " ".join([result.item for result in plain if result.outcome is not Outcome.CONFORM]) if plain else ""
    submission = Submission(
        shared_text(data.round_id),
        rank,
        shared_text(data.checklist),
        str(data.submission_id),
        data.seq,
        data.inspected_on,
        data.late,
        shared_text(conform),
        shared_text(skipped),
    )
    standing = enterprise.submissions
    for position, each in enumerate(standing):
        if each.stage == rank and each.checklist == data.checklist and each.round_id == data.round_id:
            standing[position] = submission
            return each
    standing.append(submission)
    return None


def grade(turn: Turn, enterprise: Enterprise, data: InspectionSubmitted) -> None:
    """The stage's latest non-null grading, unless one of a later round stands already."""
    rank, table = STAGE_RANK[data.stage], turn.book.grading(data.inspected_on)
    old = enterprise.gradings[rank]
    if data.grading is None or (old is not None and old.round_id > data.round_id):
        return
    enterprise.gradings[rank] = grading.reported(data.grading, shared_text(data.round_id), table, data.inspected_on)
    regrade(turn, enterprise)


def regrade(turn: Turn, enterprise: Enterprise) -> None:
    """The grade that counts in the current round, by the table in force when that stage inspected."""
    grading.regrade(enterprise, turn.unit.current, turn.book)
