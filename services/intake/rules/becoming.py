"""What a submission becomes: its subject, the key under which a second one supersedes it, its findings, its data on
the log. Pure.
"""

import hashlib
import hmac
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from services.intake.rules import bodies
from services.intake.rules.faults import Fault, fault
from services.intake.rules.standing import By
from shared.events import inspections as events
from shared.events.base import Focus, Grade, Outcome, Submitted, finding_id
from shared.rulesets import RuleSets

Kind = Literal[
    "inspection",
    "hazard_unit",
    "installation",
    "hazard_unit_withdrawal",
    "installation_withdrawal",
    "rectification",
    "accident",
    "park_assessment",
    "key_task_progress",
    "guidance_record",
]
_UNSET = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FindingRef:
    """A finding as a submission reported it: answered in the 201."""

    item: str
    ref: str
    finding_id: uuid.UUID

    def document(self) -> dict[str, str]:
        return {"item": self.item, "ref": self.ref, "finding_id": str(self.finding_id)}


@dataclass(frozen=True, slots=True)
class Becoming:
    """A body on its way: `data` lacks only its place (`seq`, `accepted_at`, `supersedes`), which the commit gives.

    `version_key`: latest of its kind, empty when none replaces another. `needs`: (pointer, code, what the subject
    must know).
    """

    kind: Kind
    subject: str
    unit_id: str
    enterprise_id: str | None
    data: Submitted
    version_key: str = ""
    supersedes_reason: str | None = None
    reason_needed: bool = False
    needs: tuple[tuple[str, str, str], ...] = ()
    findings: tuple[FindingRef, ...] = ()
    gives: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sent:
    """What came with a body: its id, who sent it, whether it is late, the secret that turns names into ids."""

    submission_id: uuid.UUID
    by: By
    submitted_by: str
    late: bool
    person_key: bytes


def become(body: bodies.Submission, sent: Sent, rules: RuleSets) -> Becoming:
    """What the body becomes."""
    make: Callable[[Any, Sent, RuleSets], Becoming] = _MAKERS[type(body)]
    return make(body, sent, rules)


def person_id(person: bodies.Person | None, key: bytes) -> str | None:
    """A pseudonym of a person: HMAC-SHA-256 of name and phone, so that events carry neither and nobody can guess it
    back without the key.
    """
    if person is None:
        return None
    words = f"{person.name.strip()}|{(person.phone or '').strip()}"
    return "p-" + hmac.new(key, words.encode(), hashlib.sha256).hexdigest()[:32]


def _place(body: Any, sent: Sent) -> dict[str, Any]:
    return {
        "unit_id": body.unit_id,
        "submission_id": sent.submission_id,
        "seq": 1,
        "accepted_at": _UNSET,
        "submitted_by": sent.submitted_by,
        "drill": body.drill,
    }


def _mode(body: Any) -> str:
    return "drill" if body.drill else "real"


def _inspection(body: bodies.Inspection, sent: Sent, rules: RuleSets) -> Becoming:
    checklist = rules.checklist(body.checklist, body.inspected_on)
    results = tuple(
        _item_result(result, body, checklist.items, checklist.every_finding_is_major) for result in body.results
    )
    found = tuple(
        FindingRef(result.item, result.ref or "", made.finding_id)
        for result, made in zip(body.results, results, strict=True)
        if result.outcome is Outcome.FINDING and made.finding_id is not None
    )
    grading = None if body.grading is None else events.Grading.model_construct(**dict(body.grading))
    data = events.InspectionSubmitted.model_construct(
        **_place(body, sent),
        round_id=body.round_id,
        stage=body.stage,
        enterprise_id=body.enterprise_id,
        inspected_on=body.inspected_on,
        inspector_id=person_id(body.inspector, sent.person_key),
        checklist=body.checklist,
        results=results,
        grading=grading,
        supersedes_reason=None,
        late=sent.late,
        late_reason=body.late_reason if sent.late else None,
    )
    return Becoming(
        "inspection",
        body.enterprise_id,
        body.unit_id,
        body.enterprise_id,
        data,
        version_key=f"inspection|{body.round_id}|{body.stage}|{body.checklist}|{_mode(body)}",
        supersedes_reason=(body.supersedes_reason or "").strip() or None,
        reason_needed=True,
        findings=found,
        gives=tuple(f"finding|{finding.finding_id}|{_mode(body)}" for finding in found),
    )


def _item_result(
    result: bodies.Result, body: bodies.Inspection, items: Mapping[str, Any], all_major: bool
) -> events.ItemResult:
    focus: tuple[Focus, ...] = result.focus if result.focus is not None else items[result.item].focus
    if result.outcome is not Outcome.FINDING and result.model_fields_set <= _PLAIN:
        return _plain_result(result.item, result.outcome, focus)
    is_finding = result.outcome is Outcome.FINDING
    place = (body.enterprise_id, body.checklist, result.item, result.ref or "", body.drill)
    return events.ItemResult.model_construct(
        item=result.item,
        outcome=result.outcome,
        grade=(Grade.MAJOR if all_major else result.grade) if is_finding else None,
        ref=result.ref or "",
        finding_id=finding_id(*place) if is_finding or result.ref else None,
        location=result.location,
        description=result.description,
        focus=focus,
        measure=result.measure,
        due_on=result.due_on,
        evidence=result.evidence or (),
    )


_PLAIN = {"item", "outcome"}


@lru_cache(maxsize=10_000)
def _plain_result(item: str, outcome: Outcome, focus: tuple[Focus, ...]) -> events.ItemResult:
    """An answer that says no more than conform or not applicable: most are, and one value serves all."""
    return events.ItemResult(item=item, outcome=outcome, focus=focus)


def _hazard_unit(body: bodies.HazardUnit, sent: Sent, _: RuleSets) -> Becoming:
    roles: tuple[events.Role, ...] = ("principal", "technical", "operational")
    data = events.HazardUnitDeclared.model_construct(
        **_place(body, sent),
        hazard_unit_id=body.hazard_unit_id,
        enterprise_id=body.enterprise_id,
        kind=body.kind,
        exposed_population=body.exposed_population,
        substances=tuple(
            events.Substance.model_construct(
                seq=held.seq, name=held.name, class_=held.class_, quantity_t=held.quantity_t
            )
            for held in body.substances
        ),
        responsible={role: person_id(body.responsible.get(role), sent.person_key) for role in roles},
        declared_on=body.declared_on,
    )
    key = f"hazard_unit|{body.hazard_unit_id}|{_mode(body)}"
    return Becoming(
        "hazard_unit", body.enterprise_id, body.unit_id, body.enterprise_id, data, version_key=key, gives=(key,)
    )


def _installation(body: bodies.Installation, sent: Sent, _: RuleSets) -> Becoming:
    data = events.InstallationDeclared.model_construct(
        **_place(body, sent),
        installation_id=body.installation_id,
        enterprise_id=body.enterprise_id,
        commissioned_on=body.commissioned_on,
        design_life_years=body.design_life_years,
        treatment=body.treatment,
    )
    key = f"installation|{body.installation_id}|{_mode(body)}"
    return Becoming(
        "installation", body.enterprise_id, body.unit_id, body.enterprise_id, data, version_key=key, gives=(key,)
    )


def _withdrawal(body: bodies.Withdrawal, sent: Sent, _: RuleSets) -> Becoming:
    data: Submitted
    told = {**_place(body, sent), "enterprise_id": body.enterprise_id, "reason": body.reason}
    if body.kind == "hazard_unit":
        data = events.HazardUnitWithdrawn.model_construct(**told, hazard_unit_id=body.id)
    else:
        data = events.InstallationWithdrawn.model_construct(**told, installation_id=body.id)
    kind: Kind = "hazard_unit_withdrawal" if body.kind == "hazard_unit" else "installation_withdrawal"
    key = f"{body.kind}|{body.id}|{_mode(body)}"
    needs = (("", f"unknown_{body.kind}", key),)
    return Becoming(
        kind, body.enterprise_id, body.unit_id, body.enterprise_id, data, version_key=key, needs=needs, takes=(key,)
    )


def _rectification(body: bodies.Rectification, sent: Sent, _: RuleSets) -> Becoming:
    data = events.RectificationReported.model_construct(
        **_place(body, sent),
        enterprise_id=body.enterprise_id,
        finding_id=uuid.UUID(body.finding_id),
        action=body.action,
        on=body.on,
        due_on=body.due_on,
        reason=body.reason,
        evidence=body.evidence or (),
        by=sent.by,
    )
    needs = (("/finding_id", "unknown_finding", f"finding|{body.finding_id}|{_mode(body)}"),)
    return Becoming(
        "rectification",
        body.enterprise_id,
        body.unit_id,
        body.enterprise_id,
        data,
        needs=needs,
    )


def _accident(body: bodies.Accident, sent: Sent, _: RuleSets) -> Becoming:
    first = uuid.UUID(body.supplement_to) if body.supplement_to else sent.submission_id
    data = events.AccidentReported.model_construct(
        **_place(body, sent),
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
    known = f"accident|{first}|{_mode(body)}"
    return Becoming(
        "accident",
        body.enterprise_id,
        body.unit_id,
        body.enterprise_id,
        data,
        version_key=known,
        needs=(("/supplement_to", "unknown_accident", known),) if body.supplement_to else (),
        gives=(known,),
        answer={"accident_id": str(first)},
    )


def _park_assessment(body: bodies.ParkAssessment, sent: Sent, _: RuleSets) -> Becoming:
    data = events.ParkAssessed.model_construct(
        **_place(body, sent), park_id=body.park_id, score=body.score, assessed_on=body.assessed_on
    )
    return Becoming(
        "park_assessment", body.unit_id, body.unit_id, None, data, version_key=f"park|{body.park_id}|{_mode(body)}"
    )


def _key_task(body: bodies.KeyTaskProgress, sent: Sent, _: RuleSets) -> Becoming:
    data = events.KeyTaskProgressed.model_construct(
        **_place(body, sent),
        round_id=body.round_id,
        task_id=body.task_id,
        progress=body.progress,
        on=body.on,
        note=body.note,
    )
    key = f"key_task|{body.round_id}|{body.task_id}|{_mode(body)}"
    return Becoming("key_task_progress", body.unit_id, body.unit_id, None, data, version_key=key)


def _guidance(body: bodies.GuidanceRecord, sent: Sent, _: RuleSets) -> Becoming:
    data = events.GuidanceRecorded.model_construct(
        **_place(body, sent),
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


def missing_needs(becoming: Becoming, known: Mapping[str, Any] | frozenset[str] | set[str]) -> list[Fault]:
    """What the subject must know and does not: the finding of a rectification, the accident of a supplement, what is
    withdrawn.
    """
    return [fault(pointer, code) for pointer, code, token in becoming.needs if token not in known]


_MAKERS: dict[type, Any] = {
    bodies.Inspection: _inspection,
    bodies.HazardUnit: _hazard_unit,
    bodies.Installation: _installation,
    bodies.Withdrawal: _withdrawal,
    bodies.Rectification: _rectification,
    bodies.Accident: _accident,
    bodies.ParkAssessment: _park_assessment,
    bodies.KeyTaskProgress: _key_task,
    bodies.GuidanceRecord: _guidance,
}
