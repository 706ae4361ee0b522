"""What a submission becomes: its subject, the key under which a second one supersedes it, its findings, its data on
the log. Pure.
"""

import uuid
from collections.abc import Callable
from typing import Any

from services.intake.rules import bodies
from services.intake.rules.becomings import Becoming, FindingRef, Sent, mode, place
from services.intake.rules.declared import hazard_unit, installation, withdrawal
from services.intake.rules.inspected import inspection
from shared.events import inspections as events
from shared.rulesets import NotInForce, RuleSets, decree493

__all__ = ["FindingRef", "become"]
DECREE_493 = "decree-493"


def become(body: bodies.Submission, sent: Sent, rules: RuleSets) -> Becoming:
    """What the body becomes."""
    make: Callable[[Any, Sent, RuleSets], Becoming] = _MAKERS[type(body)]
    return make(body, sent, rules)


def _rectification(body: bodies.Rectification, sent: Sent, _: RuleSets) -> Becoming:
    data = events.RectificationReported.model_construct(
        **place(body, sent),
        enterprise_id=body.enterprise_id,
        finding_id=uuid.UUID(body.finding_id),
        action=body.action,
        on=body.on,
        due_on=body.due_on,
        reason=body.reason,
        evidence=body.evidence or (),
        by=sent.by,
    )
    needs = (("/finding_id", "unknown_finding", f"finding|{body.finding_id}|{mode(body)}"),)
    return Becoming(
        "rectification",
        body.enterprise_id,
        body.unit_id,
        body.enterprise_id,
        data,
        needs=needs,
    )


def _accident(body: bodies.Accident, sent: Sent, rules: RuleSets) -> Becoming:
    first = uuid.UUID(body.supplement_to) if body.supplement_to else sent.submission_id
    data = events.AccidentReported.model_construct(
        **place(body, sent),
        accident_id=first,
        enterprise_id=body.enterprise_id,
        occurred_at=body.occurred_at,
        place=body.place,
        deaths=body.deaths,
        missing=body.missing,
        serious_injuries=body.serious_injuries,
        direct_loss_yuan=body.direct_loss_yuan,
        course=body.course,
        measures=body.measures,
        supplement_to=first if body.supplement_to else None,
    )
    known = f"accident|{first}|{mode(body)}"
    return Becoming(
        "accident",
        body.enterprise_id,
        body.unit_id,
        body.enterprise_id,
        data,
        version_key=known,
        needs=(("/supplement_to", "unknown_accident", known),) if body.supplement_to else (),
        gives=(known,),
        answer={"accident_id": str(first), "grade": _grade(body, rules)},
    )


def _grade(body: bodies.Accident, rules: RuleSets) -> decree493.Grade:
    # An accident older than the decree is graded by its first version: there is no other to grade it by.
    try:
        table = rules.at(DECREE_493, body.occurred_at.date())
    except NotInForce:
        table = rules.get(DECREE_493, 1)
    found = table.of(decree493.AccidentGrades)
    return decree493.grade(found, body.deaths, body.missing, body.serious_injuries, body.direct_loss_yuan)


def _park_assessment(body: bodies.ParkAssessment, sent: Sent, _: RuleSets) -> Becoming:
    data = events.ParkAssessed.model_construct(
        **place(body, sent), park_id=body.park_id, score=body.score, assessed_on=body.assessed_on
    )
    return Becoming(
        "park_assessment", body.unit_id, body.unit_id, None, data, version_key=f"park|{body.park_id}|{mode(body)}"
    )


def _key_task(body: bodies.KeyTaskProgress, sent: Sent, _: RuleSets) -> Becoming:
    data = events.KeyTaskProgressed.model_construct(
        **place(body, sent),
        round_id=body.round_id,
        task_id=body.task_id,
        progress=body.progress,
        on=body.on,
        note=body.note,
    )
    key = f"key_task|{body.round_id}|{body.task_id}|{mode(body)}"
    return Becoming("key_task_progress", body.unit_id, body.unit_id, None, data, version_key=key)


def _guidance(body: bodies.GuidanceRecord, sent: Sent, _: RuleSets) -> Becoming:
    data = events.GuidanceRecorded.model_construct(
        **place(body, sent),
        round_id=body.round_id,
        team_id=body.team_id,
        kind=body.kind,
        on=body.on,
        enterprises=body.enterprises,
        hours=body.hours,
        people=body.people,
        text=body.text,
    )
    return Becoming("guidance_record", body.unit_id, body.unit_id, None, data)


_MAKERS: dict[type, Any] = {
    bodies.Inspection: inspection,
    bodies.HazardUnit: hazard_unit,
    bodies.Installation: installation,
    bodies.Withdrawal: withdrawal,
    bodies.Rectification: _rectification,
    bodies.Accident: _accident,
    bodies.ParkAssessment: _park_assessment,
    bodies.KeyTaskProgress: _key_task,
    bodies.GuidanceRecord: _guidance,
}
