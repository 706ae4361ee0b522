"""The national evaluation of a round, from the evaluations of its units. Called by freezing."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal

from services.reporting.rules.evaluation import INDEX_NOTICE, UnitEvaluation
from services.reporting.rules.guidance_class import SuggestedClass
from services.reporting.rules.periods import PeriodFindings
from services.reporting.rules.problems import ItemTally
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
    open: int
    units: tuple[str, ...]


class ClassChange(Value):
    """A unit whose guidance class was changed for this round, or is suggested to change for the next."""

    unit_id: str
    name: dict[str, str]
    guidance_class: SuggestedClass


class UnitInPeriod(Value):
    """A unit with major findings that stood open in an important period; `still_open` of them stand."""

    unit_id: str
    name: dict[str, str]
    major: int
    still_open: int
    enterprises: int


class PeriodUnits(Value):
    """An important period and the units in which major findings stood open during it, most of them first."""

    period: ImportantPeriod
    units: tuple[UnitInPeriod, ...]


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
    class_changes: tuple[ClassChange, ...]
    common_problems: tuple[CommonProblem, ...]
    important_periods: tuple[PeriodUnits, ...]
    rates: dict[RateId, Share]
    alerts: int
    accidents: tuple[AccidentGraded, ...]
    item_titles: dict[str, dict[str, str]]
    rule_sets: tuple[RuleSetRef, ...]


def evaluate_nation(round_id: str, evaluations: Sequence[UnitEvaluation]) -> NationalEvaluation:
    """The national evaluation; `evaluations` are those of every unit of the round at one cut-off."""
    ranked = sorted(evaluations, key=lambda one: (one.index is None, -(one.index or 0), one.unit_id))
    return NationalEvaluation(
        round_id=round_id,
        synthetic=any(one.synthetic for one in evaluations),
        units=len(evaluations),
        colours=dict(sorted(Counter(str(one.colour or "none") for one in evaluations).items())),
        median_index=median([one.index for one in evaluations if one.index is not None]),
        ranking=tuple(_ranked(one, ranked) for one in ranked),
        class_changes=tuple(_class_change(one) for one in ranked if _class_changes(one.guidance_class)),
        common_problems=_common(evaluations),
        important_periods=_under_periods(evaluations),
        rates=summed([{rate.id: rate for rate in one.rates} for one in evaluations]),
        alerts=sum(one.alert_response.alerts for one in evaluations),
        accidents=tuple(accident for one in ranked for accident in one.accidents),
        item_titles=dict(sorted(item for one in evaluations for item in one.item_titles.items())),
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
    """Items by the number of units they stand in, then of findings."""
    rows: dict[tuple[str, str], list[tuple[str, ItemTally]]] = defaultdict(list)
    for one in evaluations:
        for row in one.problems.by_item:
            rows[row.checklist, row.item].append((one.unit_id, row))
    found = [_common_item(*name, own) for name, own in rows.items()]
    return tuple(sorted(found, key=lambda row: (-len(row.units), -row.findings, row.checklist, row.item)))


def _common_item(checklist: str, item: str, rows: Sequence[tuple[str, ItemTally]]) -> CommonProblem:
    return CommonProblem(
        checklist=checklist,
        item=item,
        findings=sum(row.total for _, row in rows),
        major=sum(row.major for _, row in rows),
        open=sum(row.open for _, row in rows),
        units=tuple(unit_id for unit_id, _ in rows),
    )


def _class_changes(found: SuggestedClass) -> bool:
    moved = found.before is not None and found.before != found.decided
    return moved or found.suggested not in (None, found.decided)


def _class_change(one: UnitEvaluation) -> ClassChange:
    return ClassChange(unit_id=one.unit_id, name=one.name, guidance_class=one.guidance_class)


def _under_periods(evaluations: Sequence[UnitEvaluation]) -> tuple[PeriodUnits, ...]:
    """Periods by name and span, since a unit's round may have been opened with others."""
    found: dict[tuple[str, str, str], tuple[ImportantPeriod, list[UnitInPeriod]]] = {}
    for one in evaluations:
        for row in one.important_periods:
            period = row.period
            name = (str(period.from_), str(period.to), period.name)
            _, units = found.setdefault(name, (period, []))
            units += [_unit_in_period(one, row)] if row.major else []
    return tuple(
        PeriodUnits(period=found[name][0], units=tuple(sorted(found[name][1], key=_gravest_first)))
        for name in sorted(found)
    )


def _unit_in_period(one: UnitEvaluation, row: PeriodFindings) -> UnitInPeriod:
    return UnitInPeriod(
        unit_id=one.unit_id,
        name=one.name,
        major=row.major,
        still_open=row.still_open,
        enterprises=len(row.enterprises),
    )


def _gravest_first(row: UnitInPeriod) -> tuple[int, int, str]:
    return -row.still_open, -row.major, row.unit_id
