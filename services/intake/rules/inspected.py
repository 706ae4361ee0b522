"""An inspection as its event: findings by their ids, answers that say nothing more shared. Pure; called by becoming."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from services.intake.rules import bodies
from services.intake.rules.becomings import Becoming, FindingRef, Sent, mode, person_id, place
from shared.events import inspections as events
from shared.events.base import Focus, Grade, Outcome, finding_id
from shared.rulesets import RuleSets


def inspection(body: bodies.Inspection, sent: Sent, rules: RuleSets) -> Becoming:
    """What an inspection becomes."""
    checklist = rules.checklist(body.checklist, body.inspected_on)
    results = tuple(
        _item_result(result, body, checklist.items, checklist.every_finding_is_major) for result in body.results
    )
    found = tuple(
        FindingRef(result.item, result.ref or "", made.finding_id)
        for result, made in zip(body.results, results, strict=True)
        if result.outcome is Outcome.FINDING and made.finding_id is not None
    )
    inspector = person_id(body.inspector, sent.person_key)
    grading = None if body.grading is None else events.Grading.model_construct(**dict(body.grading))
    data = events.InspectionSubmitted.model_construct(
        **place(body, sent),
        round_id=body.round_id,
        stage=body.stage,
        enterprise_id=body.enterprise_id,
        inspected_on=body.inspected_on,
        inspector_id=inspector,
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
        version_key=f"inspection|{body.round_id}|{body.stage}|{body.checklist}|{mode(body)}",
        supersedes_reason=(body.supersedes_reason or "").strip() or None,
        reason_needed=True,
        findings=found,
        gives=tuple(f"finding|{finding.finding_id}|{mode(body)}" for finding in found),
        persons=() if inspector is None else (inspector,),
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
