"""`finding.assessed` and `enterprise.assessed`, whole, from the state. Called by the fold when they are due."""

import uuid
from functools import lru_cache
from typing import Any

from services.scoring.rules import grading, hazard_unit_risk
from services.scoring.rules.output import Cause, built
from services.scoring.rules.rulebook import Rulebook
from services.scoring.rules.state import STAGES, Enterprise, Finding, Installation, Said, Step, Unit
from services.scoring.rules.tally import FINDING_COUNTS, highest_level
from shared.events.envelope import Event
from shared.events.risk import EnterpriseAssessed, FindingAssessed, InstallationAge, Rectification, StageDone, Verdict

NO_ROUND = "0000-0"  # a unit that was never in a round
COUNT_AT = {name: position for position, name in enumerate(FINDING_COUNTS)}


def id_of(number: int) -> uuid.UUID:
    """The id that the state holds as a number."""
    return uuid.UUID(int=number)


@lru_cache(maxsize=4096)
def text_of(number: int) -> str:
    """The id as text."""
    return str(uuid.UUID(int=number))


def finding(found: Finding, unit: Unit, cause: Cause) -> Event:
    """The finding as it stands."""
    data = built(
        FindingAssessed,
        {
            "unit_id": unit.id,
            "finding_id": id_of(found.id),
            "enterprise_id": found.enterprise.id,
            "checklist": found.checklist,
            "item": found.item,
            "ref": found.ref,
            "grade": found.grade,
            "state": found.state,
            "episode": found.episode,
            "round_id": found.round_id,
            "opened_round": found.opened_round,
            "opened_on": found.opened_on,
            "closed_on": found.closed_on,
            "verdicts": {STAGES[rank]: _verdict(said) for rank, said in enumerate(found.said) if said is not None},
            "due_on": found.due_on,
            "due_from": found.due_from,
            "overdue": found.overdue,
            "rectification": _rectification(found.step) if found.step is not None else None,
            "focus": found.focus,
            "location": found.location,
            "description": found.description,
            "measure": found.measure,
            "carried_over": unit.current is not None and found.opened_round != unit.current,
            "recurrence": found.recurrence,
            "drill": found.enterprise.drill,
            "log_position": cause.position,
        },
    )
    return cause.event(data, text_of(found.id), unit.id)


def _verdict(said: Said) -> Verdict:
    return built(
        Verdict,
        {
            "round_id": said.round_id,
            "outcome": said.outcome,
            "grade": said.grade,
            "on": said.on,
            "submission_id": id_of(said.submission),
        },
    )


def _rectification(step: Step) -> Rectification:
    return built(Rectification, {"action": step.action, "on": step.on, "by": step.by, "reason": step.reason})


def enterprise(found: Enterprise, unit: Unit, book: Rulebook, cause: Cause) -> Event:
    """The enterprise as it stands in the unit's current round."""
    counts = found.tally
    graded = found.gradings[found.graded_stage] if found.graded_stage >= 0 else None
    data = built(
        EnterpriseAssessed,
        {
            "unit_id": unit.id,
            "enterprise_id": found.id,
            "round_id": unit.current or _latest_round(found),
            "seq": found.shown_seq,
            "enrolled": found.enrolled,
            "stages": _stages(found, unit.current),
            "grade": grading.shown(found, book.grading(graded.on)) if graded is not None else None,
            "hazard_units": hazard_unit_risk.shown(found, book),
            "installations": tuple(_age(each) for _, each in sorted((found.installations or {}).items())),
            "highest_level": highest_level(found) or None,
            "open_major": counts[COUNT_AT["open_major"]],
            "open_ordinary": counts[COUNT_AT["open_ordinary"]],
            "overdue_major": counts[COUNT_AT["overdue_major"]],
            "overdue_ordinary": counts[COUNT_AT["overdue_ordinary"]],
            "drill": found.drill,
            "withdrawn": found.withdrawn,
            "log_position": cause.position,
        },
    )
    subject = f"drill:{found.id}" if found.drill else found.id
    return cause.event(data, subject, unit.id)


def _latest_round(found: Enterprise) -> str:
    return max((submission.round_id for submission in found.submissions), default=NO_ROUND)


def _stages(found: Enterprise, current: str | None) -> dict[Any, StageDone]:
    """The last inspection of each stage in the round; all its checklists are named."""
    stages: dict[Any, StageDone] = {}
    for rank, stage in enumerate(STAGES):
        done = [each for each in found.submissions if each.stage == rank and each.round_id == current]
        if not done:
            continue
        newest = max(done, key=lambda each: each.seq) if len(done) > 1 else done[0]
        stages[stage] = built(
            StageDone,
            {
                "submission_id": id_of(newest.id),
                "seq": newest.seq,
                "inspected_on": newest.on,
                "checklists": tuple(sorted(each.checklist for each in done)),
                "late": newest.late,
            },
        )
    return stages


def _age(found: Installation) -> InstallationAge:
    return built(
        InstallationAge,
        {
            "installation_id": found.id,
            "commissioned_on": found.commissioned_on,
            "design_life_years": found.design_life_years,
            "old": found.old,
            "treatment": found.treatment,
        },
    )
