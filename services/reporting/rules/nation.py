"""The national evaluation of a round, from the evaluations of its units. Called by freezing."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from services.reporting.rules.evaluation import INDEX_NOTICE, UnitEvaluation
from services.reporting.rules.guidance_class import SuggestedClass
from services.reporting.rules.rates import RateId, summed
from services.reporting.rules.statistics import Share, median
from shared.events.base import Colour, RuleSetRef, Value
from shared.events.inspections import ImportantPeriod
from shared.events.risk import AccidentGraded


class Ranked(Value):
    """A unit's place in the country and among those of its guidance class (1 = highest index; None without an
    index).
    """

    unit_id: str
    name: dict[str, str]
    index: float | None
    colour: Colour | None
    provisional: bool
    guidance_class: SuggestedClass
    place: int | None
    place_in_class: int | None
    change: float | None
    short_boards: tuple[str, ...]
    open_major: int
    rates: dict[str, float | None]


class CommonProblem(Value):
    """A checklist item that stands in several units."""

    checklist: str
    item: str
    findings: int
    major: int
    units: tuple[str, ...]


class PeriodUnits(Value):
    """An important period, and the units that had open major findings at the cut-off."""

    period: ImportantPeriod
    units: tuple[str, ...]


class NationalEvaluation(Value):
    """The national picture of a round, from the evaluations of its units."""

    kind: Literal["national"] = "national"
    round_id: str
    unit_id: None = None
    synthetic: bool
    notice: str = INDEX_NOTICE
    units: int
    colours: dict[str, int]
    median_index: float | None
    ranking: tuple[Ranked, ...]
    class_changes: tuple[str, ...]
    common_problems: tuple[CommonProblem, ...]
    important_periods: tuple[PeriodUnits, ...]
    rates: dict[RateId, Share]
    alerts: int
    accidents: tuple[AccidentGraded, ...]
    rule_sets: tuple[RuleSetRef, ...]


def evaluate_nation(
    round_id: str, evaluations: Sequence[UnitEvaluation], periods: Sequence[ImportantPeriod]
) -> NationalEvaluation:
    """The national evaluation; `evaluations` are those of every unit of the round at one cut-off."""
    ranked = sorted(evaluations, key=lambda one: (one.index is None, -(one.index or 0), one.unit_id))
    changed = [one.unit_id for one in ranked if one.guidance_class.suggested not in (None, one.guidance_class.decided)]
    return NationalEvaluation(
        round_id=round_id,
        synthetic=any(one.synthetic for one in evaluations),
        units=len(evaluations),
        colours=dict(sorted(Counter(str(one.colour or "none") for one in evaluations).items())),
        median_index=median([one.index for one in evaluations if one.index is not None]),
        ranking=tuple(_ranked(one, ranked) for one in ranked),
        class_changes=tuple(changed),
        common_problems=_common(evaluations),
        important_periods=tuple(_in_period(period, evaluations) for period in periods),
        rates=summed([{rate.id: rate for rate in one.rates} for one in evaluations]),
        alerts=sum(one.alert_response.alerts for one in evaluations),
        accidents=tuple(accident for one in ranked for accident in one.accidents),
        rule_sets=tuple({(ref.id, ref.version): ref for one in evaluations for ref in one.rule_sets}.values()),
    )


def _ranked(one: UnitEvaluation, ranked: Sequence[UnitEvaluation]) -> Ranked:
    rated = [other for other in ranked if other.index is not None]
    own_class = [other for other in rated if other.guidance_class.decided == one.guidance_class.decided]
    earlier = [point.index for point in one.trend if point.round_id < one.round_id and point.index is not None]
    return Ranked(
        unit_id=one.unit_id,
        name=one.name,
        index=one.index,
        colour=one.colour,
        provisional=one.provisional,
        guidance_class=one.guidance_class,
        place=_place(one, rated),
        place_in_class=_place(one, own_class),
        change=one.index - earlier[-1] if one.index is not None and earlier else None,
        short_boards=tuple(board.component for board in one.short_boards),
        open_major=one.counts.get("open_major", 0),
        rates={rate.id: rate.share for rate in one.rates},
    )


def _place(one: UnitEvaluation, rated: Sequence[UnitEvaluation]) -> int | None:
    # Equal indices share a place.
    if one.index is None:
        return None
    return 1 + sum(other.index is not None and other.index > one.index for other in rated)


def _common(evaluations: Sequence[UnitEvaluation]) -> tuple[CommonProblem, ...]:
    rows = [(one.unit_id, row) for one in evaluations for row in one.problems.by_item]
    names = sorted({(row.checklist, row.item) for _, row in rows})
    found = [_common_item(checklist, item, rows) for checklist, item in names]
    return tuple(sorted(found, key=lambda row: (-len(row.units), -row.findings, row.checklist, row.item)))


def _common_item(checklist: str, item: str, rows: Sequence[tuple[str, Any]]) -> CommonProblem:
    own = [(unit_id, row) for unit_id, row in rows if (row.checklist, row.item) == (checklist, item)]
    return CommonProblem(
        checklist=checklist,
        item=item,
        findings=sum(row.total for _, row in own),
        major=sum(row.major for _, row in own),
        units=tuple(unit_id for unit_id, _ in own),
    )


def _in_period(period: ImportantPeriod, evaluations: Sequence[UnitEvaluation]) -> PeriodUnits:
    hit = [
        one.unit_id
        for one in evaluations
        if any(veto.id == "major_finding_open_in_important_period" for veto in one.vetoes)
    ]
    return PeriodUnits(period=period, units=tuple(hit))
