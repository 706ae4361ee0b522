"""What is wrong with a body by itself: checklists, tables of standards, codes. Needs rule sets, no registry and no
clock.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import lru_cache
from typing import Any

from services.intake.rules import bodies
from services.intake.rules.faults import Fault, decided, escape, fault
from shared.events.base import Grade, Outcome, normalise_ref
from shared.events.inspections import Substance
from shared.rulesets import NotInForce, RuleSets, UnknownRuleSet, gb18218, uscc
from shared.rulesets.checklists import Checklist
from shared.rulesets.grading import GradingTable

GB18218 = "gb18218-2018"
GRADING = "enterprise-grading-2018-19"


def check(body: bodies.Submission | bodies.Assessment, rules: RuleSets) -> list[Fault]:
    """Every fault that the body shows without anything else being known."""
    found = list(enterprise_code("/enterprise_id", getattr(body, "enterprise_id", None)))
    special: Callable[[Any, RuleSets], Iterable[Fault]] | None = _CHECKS.get(type(body))
    return found if special is None else [*found, *decided(special(body, rules))]


def enterprise_code(pointer: str, code: str | None) -> Iterator[Fault]:
    """GB 32100-2015: 18 characters with a check digit."""
    if code is not None and (problem := _uscc_problem(code)) is not None:
        yield fault(pointer, f"uscc_{problem}", code=code)


_uscc_problem = lru_cache(maxsize=50_000)(uscc.problem)


def inspection(body: bodies.Inspection, rules: RuleSets) -> Iterator[Fault]:
    """Checklist and date, every item answered once, what findings need, points of known codes."""
    yield from decided(_answers(body, rules))
    if body.grading is not None:
        yield from _grading(body.grading, body.inspected_on, rules)


def _answers(body: bodies.Inspection, rules: RuleSets) -> Iterator[Fault]:
    checklist = yield from _checklist(body.checklist, body.inspected_on, rules)
    if checklist is not None:
        yield from decided(_coverage(body, checklist))
        for index, result in enumerate(body.results):
            yield from decided(_result(f"/results/{index}", result, body, checklist))


def hazard_unit(body: bodies.HazardUnit | bodies.Assessment, rules: RuleSets) -> Iterator[Fault]:
    """GB 18218-2018: each substance known and with a beta."""
    try:
        gb18218.assess(gb18218_table(rules, body.declared_on), substances(body), body.exposed_population)
    except gb18218.Invalid as wrong:
        for error in wrong.errors:
            yield fault(error.pointer, error.code, detail=error.detail)


def assess(body: bodies.Assessment, rules: RuleSets) -> gb18218.Assessment:
    """S, R and level of a hazard unit that passed `hazard_unit`."""
    return gb18218.assess(gb18218_table(rules, body.declared_on), substances(body), body.exposed_population)


def substances(body: bodies.HazardUnit | bodies.Assessment) -> tuple[Substance, ...]:
    """The substances as events have them."""
    return tuple(
        Substance(seq=held.seq, name=held.name, class_=held.class_, quantity_t=held.quantity_t)
        for held in body.substances
    )


def rectification(body: bodies.Rectification, _: RuleSets) -> Iterator[Fault]:
    """An extension needs a new date and a reason, a rejection a reason."""
    if body.action == "extended" and body.due_on is None:
        yield fault("/due_on", "due_on_required", action=body.action)
    if body.action in ("extended", "rejected") and not (body.reason or "").strip():
        yield fault("/reason", "reason_required", action=body.action)


def guidance_record(body: bodies.GuidanceRecord, _: RuleSets) -> Iterator[Fault]:
    """The enterprises named are enterprises."""
    for index, code in enumerate(body.enterprises):
        yield from enterprise_code(f"/enterprises/{index}", code)


def gb18218_table(rules: RuleSets, day: date | None) -> gb18218.Table:
    """The tables in force on a day; None: the first version."""
    # A declaration older than the standard is graded by its first version: there is no other to grade it by.
    try:
        return (rules.at(GB18218, day) if day else rules.get(GB18218, 1)).of(gb18218.Table)
    except NotInForce:
        return rules.get(GB18218, 1).of(gb18218.Table)


def _checklist(id: str, day: date, rules: RuleSets) -> Any:
    known = {found.id: found for found in rules.checklists()}
    if id not in known:
        yield fault("/checklist", "unknown_checklist", checklist=id, known=", ".join(sorted(known)))
        return None
    try:
        return rules.checklist(id, day)
    except (NotInForce, UnknownRuleSet):
        reason = known[id].refused_for(day) or "not_in_force"
        yield fault(
            "/checklist",
            f"checklist_{reason}",
            checklist=id,
            day=day.isoformat(),
            since=known[id].effective_from.isoformat(),
        )
        return known[id]


def _coverage(body: bodies.Inspection, checklist: Checklist) -> Iterator[Fault]:
    answered = {result.item for result in body.results}
    for item in checklist.items:
        if item not in answered:
            yield fault("/results", "item_not_answered", item=item, checklist=checklist.id)
    seen: set[tuple[str, str]] = set()
    for index, result in enumerate(body.results):
        place = (result.item, normalise_ref(result.ref or ""))
        if place in seen:
            yield fault(f"/results/{index}", "answered_twice", item=result.item, ref=result.ref or "")
        seen.add(place)
    yield from _refs(body, checklist)


def _refs(body: bodies.Inspection, checklist: Checklist) -> Iterator[Fault]:
    findings = Counter(result.item for result in body.results if result.outcome is Outcome.FINDING)
    for index, result in enumerate(body.results):
        if result.outcome is not Outcome.FINDING or normalise_ref(result.ref or ""):
            continue
        if checklist.ref_required or findings[result.item] > 1:
            yield fault(f"/results/{index}/ref", "ref_required", item=result.item, checklist=checklist.id)


def _result(at: str, result: bodies.Result, body: bodies.Inspection, checklist: Checklist) -> Iterator[Fault]:
    if result.item not in checklist.items:
        yield fault(f"{at}/item", "unknown_item", item=result.item, checklist=checklist.id)
    if result.outcome is Outcome.FINDING:
        yield from _finding(at, result, body, checklist)
    elif result.grade is not None:
        yield fault(f"{at}/grade", "grade_without_finding", outcome=result.outcome.value)


def _finding(at: str, result: bodies.Result, body: bodies.Inspection, checklist: Checklist) -> Iterator[Fault]:
    if checklist.every_finding_is_major and result.grade is Grade.ORDINARY:
        yield fault(f"{at}/grade", "every_finding_is_major", checklist=checklist.id)
    if not checklist.every_finding_is_major and result.grade is None:
        yield fault(f"{at}/grade", "grade_required", item=result.item)
    if result.due_on is not None and result.due_on < body.inspected_on:
        yield fault(
            f"{at}/due_on", "due_before_inspection", due_on=result.due_on.isoformat(), day=body.inspected_on.isoformat()
        )


def _grading(points: bodies.Points19, day: date, rules: RuleSets) -> Iterator[Fault]:
    try:
        table = rules.at(GRADING, day).of(GradingTable)
    except NotInForce:
        table = rules.get(GRADING, 1).of(GradingTable)
    for part in ("deductions", "bonuses"):
        for code in getattr(points, part):
            if code not in table.items:
                yield fault(f"/grading/{part}/{escape(code)}", "unknown_grading_item", item=code)
            elif part == "bonuses" and table.items[code].bonus_max == 0:
                yield fault(f"/grading/{part}/{escape(code)}", "no_bonus", item=code)
    for index, code in enumerate(points.direct_red):
        if code not in table.direct_red:
            yield fault(
                f"/grading/direct_red/{index}", "unknown_direct_red", rule=code, known=", ".join(table.direct_red)
            )


_CHECKS: dict[type, Any] = {
    bodies.Inspection: inspection,
    bodies.HazardUnit: hazard_unit,
    bodies.Assessment: hazard_unit,
    bodies.Rectification: rectification,
    bodies.GuidanceRecord: guidance_record,
}
