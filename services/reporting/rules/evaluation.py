"""The comprehensive evaluation of a unit in a round, and the national one: facts in, evaluation out. Called by
freezing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from services.reporting.rules.agreement import Agreement, agreement
from services.reporting.rules.alert_response import AlertAnswer, AlertResponse, alert_response
from services.reporting.rules.guidance_class import SuggestedClass, suggested_class
from services.reporting.rules.problems import LongTerm, Problems, long_term, problems
from services.reporting.rules.rates import Rate, RateId, four_rates, summed
from services.reporting.rules.short_boards import ComparedComponent, Peer, ShortBoard, compared, short_boards
from services.reporting.rules.statistics import Share, median
from shared.events.base import Colour, RuleSetRef, Value
from shared.events.inspections import ImportantPeriod, RoundOpened
from shared.events.risk import AccidentGraded, EnterpriseAssessed, FindingAssessed, Guidance, UnitAssessed, Veto
from shared.rulesets.unit_index import ShortBoard as ShortBoardRules

INDEX_NOTICE = "The unit index is this product's own choice: no public formula, weight or threshold was found."


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """What was known of a unit in a round at the cut-off. `history` are its rounds, earliest first, this one
    included.
    """

    unit: UnitAssessed
    round: RoundOpened
    name: Mapping[str, str]
    history: Sequence[UnitAssessed]
    everyone: Sequence[Peer]
    enterprises: Sequence[EnterpriseAssessed]
    findings: Sequence[FindingAssessed]
    answers: Sequence[AlertAnswer]
    guidance_records: Sequence[Mapping[str, Any]] = ()
    enterprise_names: Mapping[str, str] = field(default_factory=dict)
    decided_by: str | None = None
    decided_reason: str | None = None
    synthetic: bool = False


class TrendPoint(Value):
    """The unit's index in one round."""

    round_id: str
    index: float | None
    colour: Colour | None
    provisional: bool


class KeyTaskState(Value):
    """Progress (0..1) of one key task; None when nobody reported."""

    id: str
    name: str
    progress: float | None


class GuidanceRecord(Value):
    """One visit, advice or training of the expert team."""

    kind: Literal["visit", "advice", "training"]
    on: str
    team_id: str
    hours: float
    people: int
    enterprises: tuple[str, ...]
    text: str | None


class UnitEvaluation(Value):
    """The county's comprehensive evaluation, as data; every rendering is made from its frozen form."""

    kind: Literal["unit"] = "unit"
    round_id: str
    unit_id: str
    name: dict[str, str]
    synthetic: bool
    notice: str = INDEX_NOTICE
    index: float | None
    colour: Colour | None
    colour_without_vetoes: Colour | None
    provisional: bool
    vetoes: tuple[Veto, ...]
    national_median: float | None
    class_median: float | None
    components: tuple[ComparedComponent, ...]
    trend: tuple[TrendPoint, ...]
    problems: Problems
    short_boards: tuple[ShortBoard, ...]
    agreement: Agreement
    rates: tuple[Rate, Rate, Rate, Rate]
    key_tasks: tuple[KeyTaskState, ...]
    long_term: LongTerm
    guidance: Guidance
    guidance_records: tuple[GuidanceRecord, ...]
    alert_response: AlertResponse
    accidents: tuple[AccidentGraded, ...]
    guidance_class: SuggestedClass
    counts: dict[str, int]
    enterprises: int
    enterprise_names: dict[str, str]
    rule_sets: tuple[RuleSetRef, ...]


def evaluate_unit(facts: UnitFacts, short_board_rules: ShortBoardRules) -> UnitEvaluation:
    """The evaluation of a unit; drills are expected to be left out of the facts."""
    unit, findings, enterprises = facts.unit, facts.findings, facts.enterprises
    own_class = [
        peer.index for peer in facts.everyone if peer.guidance_class == unit.guidance_class and peer.index is not None
    ]
    return UnitEvaluation(
        round_id=unit.round_id,
        unit_id=unit.unit_id,
        name=dict(facts.name),
        synthetic=facts.synthetic,
        index=unit.index,
        colour=unit.colour,
        colour_without_vetoes=unit.colour_without_vetoes,
        provisional=unit.provisional,
        vetoes=unit.vetoes,
        national_median=median([peer.index for peer in facts.everyone if peer.index is not None]),
        class_median=median(own_class),
        components=compared(unit, facts.everyone),
        trend=tuple(_point(past) for past in facts.history),
        problems=problems(unit.round_id, findings),
        short_boards=short_boards(unit, facts.everyone, short_board_rules),
        agreement=agreement(unit.round_id, enterprises, findings),
        rates=four_rates(unit.counts, facts.round.enterprises, enterprises, findings),
        key_tasks=_key_tasks(facts),
        long_term=long_term(findings),
        guidance=unit.guidance,
        guidance_records=tuple(GuidanceRecord.model_validate(dict(record)) for record in facts.guidance_records),
        alert_response=alert_response(facts.answers),
        accidents=unit.accidents,
        guidance_class=_guidance_class(facts),
        counts=unit.counts,
        enterprises=len(facts.round.enterprises),
        enterprise_names=dict(sorted(facts.enterprise_names.items())),
        rule_sets=unit.rule_sets,
    )


def _point(unit: UnitAssessed) -> TrendPoint:
    return TrendPoint(round_id=unit.round_id, index=unit.index, colour=unit.colour, provisional=unit.provisional)


def _key_tasks(facts: UnitFacts) -> tuple[KeyTaskState, ...]:
    progress = facts.unit.key_tasks
    return tuple(
        KeyTaskState(id=task.id, name=task.name, progress=progress.get(task.id)) for task in facts.round.key_tasks
    )


def _guidance_class(facts: UnitFacts) -> SuggestedClass:
    earlier = [past for past in facts.history if past.round_id < facts.unit.round_id]
    suggested, reason = suggested_class(facts.unit, earlier[-1] if earlier else None)
    return SuggestedClass(
        suggested=suggested,
        reason=reason,
        decided=facts.round.guidance_class,
        decided_by=facts.decided_by,
        decided_reason=facts.decided_reason,
    )


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
