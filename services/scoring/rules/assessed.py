"""`finding.assessed` and `enterprise.assessed`, whole, from the state. Called by the fold when they are due."""

from collections.abc import Sequence

from services.scoring.rules import fitting, grading, hazard_unit_risk
from services.scoring.rules.measures import Json
from services.scoring.rules.output import Cause, Derived, derived, type_of
from services.scoring.rules.rulebook import Rulebook
from services.scoring.rules.state import STAGE_NAMES, Enterprise, Finding, Installation, Said, Unit
from services.scoring.rules.tally import FINDING_COUNTS, highest_level
from shared.events.risk import EnterpriseAssessed, FindingAssessed

FINDING, ENTERPRISE = type_of(FindingAssessed), type_of(EnterpriseAssessed)
NO_ROUND = "0000-0"  # a unit that was never in a round
OPEN_COUNTS = {name: FINDING_COUNTS.index(name) for name in FINDING_COUNTS[:4]}


def finding(found: Finding, unit: Unit, cause: Cause) -> Derived:
    """The finding as it stands."""
    data = {
        "unit_id": unit.id,
        "finding_id": found.id,
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
        "verdicts": _verdicts(found.said),
        "due_on": found.due_on,
        "due_from": found.due_from,
        "overdue": found.overdue,
        "rectification": found.step._asdict() if found.step is not None else None,
        "focus": found.focus,
        "location": found.location,
        "description": found.description,
        "measure": found.measure,
        "carried_over": unit.current is not None and found.opened_round != unit.current,
        "recurrence": found.recurrence,
        "drill": found.enterprise.drill,
        "log_position": cause.position,
    }
    return derived(FINDING, data, found.id, unit.id, cause)


def _verdicts(said: Sequence[Said | None]) -> Json:
    """What each stage said last, by stage."""
    found: Json = {}
    for stage, each in zip(STAGE_NAMES, said, strict=True):
        if each is not None:
            round_id, outcome, grade, on, submission = each
            found[stage] = {
                "round_id": round_id,
                "outcome": outcome,
                "grade": grade,
                "on": on,
                "submission_id": submission,
            }
    return found


def enterprise(found: Enterprise, unit: Unit, book: Rulebook, cause: Cause) -> Derived:
    """The enterprise as it stands in the unit's current round."""
    counts = found.tally
    graded = found.gradings[found.graded_stage] if found.graded_stage >= 0 else None
    data = {
        "unit_id": unit.id,
        "enterprise_id": found.id,
        "round_id": unit.current or _latest_round(found),
        "seq": found.shown_seq,
        "enrolled": found.enrolled,
        "stages": _stages(found, unit.current),
        "grade": grading.shown(found, graded, book.grading(graded.on)) if graded is not None else None,
        "hazard_units": hazard_unit_risk.shown(found, book),
        "installations": [_age(each) for _, each in sorted((found.installations or {}).items())],
        "highest_level": highest_level(found) or None,
        "drill": found.drill,
        "withdrawn": found.withdrawn,
        "left_out": {},
        "log_position": cause.position,
    }
    for name, position in OPEN_COUNTS.items():
        data[name] = counts[position]
    subject = f"drill:{found.id}" if found.drill else found.id
    return Derived(ENTERPRISE, fitting.fitted(data, fitting.enterprise), subject, unit.id, cause)


def _latest_round(found: Enterprise) -> str:
    return max((submission.round_id for submission in found.submissions), default=NO_ROUND)


def _stages(found: Enterprise, current: str | None) -> Json:
    """The last inspection of each stage in the round; all its checklists are named."""
    stages: Json = {}
    for each in found.submissions:
        if each.round_id != current:
            continue
        name = STAGE_NAMES[each.stage]
        before = stages.get(name)
        checklists = [each.checklist] if before is None else sorted([*before["checklists"], each.checklist])
        if before is not None and before["seq"] > each.seq:
            before["checklists"] = checklists
            continue
        stages[name] = {
            "submission_id": each.id,
            "seq": each.seq,
            "inspected_on": each.on,
            "checklists": checklists,
            "late": each.late,
        }
    return stages


def _age(found: Installation) -> Json:
    return {
        "installation_id": found.id,
        "commissioned_on": found.commissioned_on,
        "design_life_years": found.design_life_years,
        "old": found.old,
        "treatment": found.treatment,
    }
