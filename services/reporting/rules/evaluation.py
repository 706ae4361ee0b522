"""The comprehensive evaluation of a unit in a round: facts in, evaluation out. Called by freezing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from services.reporting.rules.agreement import Agreement, agreement
from services.reporting.rules.alert_response import AlertAnswer, AlertResponse, alert_response
from services.reporting.rules.guidance_class import SuggestedClass, suggested_class
from services.reporting.rules.periods import PeriodFindings, in_periods
from services.reporting.rules.problems import LongTerm, Problems, long_term, problems
from services.reporting.rules.rates import Rate, four_rates
from services.reporting.rules.short_boards import ComparedComponent, Peer, ShortBoard, compared, short_boards
from services.reporting.rules.statistics import median
from services.reporting.rules.suggestions import SuggestedGuidance, Suggestion, suggested
from shared.events.base import Colour, RuleSetRef, Value
from shared.events.inspections import RoundOpened
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
    enterprise_names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    item_titles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
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
    suggestions: tuple[SuggestedGuidance, ...]
    agreement: Agreement
    rates: tuple[Rate, Rate, Rate, Rate]
    key_tasks: tuple[KeyTaskState, ...]
    long_term: LongTerm
    important_periods: tuple[PeriodFindings, ...]
    guidance: Guidance
    guidance_records: tuple[GuidanceRecord, ...]
    alert_response: AlertResponse
    accidents: tuple[AccidentGraded, ...]
    guidance_class: SuggestedClass
    counts: dict[str, int]
    enterprises: int
    enterprise_names: dict[str, dict[str, str]]
    item_titles: dict[str, dict[str, str]]
    finding_labels: dict[str, str]
    rule_sets: tuple[RuleSetRef, ...]


def evaluate_unit(
    facts: UnitFacts, short_board_rules: ShortBoardRules, suggestions: Mapping[str, Suggestion]
) -> UnitEvaluation:
    """The evaluation of a unit; drills are expected to be left out of the facts."""
    unit, findings, enterprises = facts.unit, facts.findings, facts.enterprises
    counted, boards = problems(unit.round_id, findings), short_boards(unit, facts.everyone, short_board_rules)
    rates = four_rates(unit.counts, facts.round.enterprises, enterprises, findings)
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
        problems=counted,
        short_boards=boards,
        suggestions=suggested(boards, counted.by_item, suggestions),
        agreement=agreement(unit.round_id, enterprises, findings),
        rates=rates,
        key_tasks=_key_tasks(facts),
        long_term=long_term(findings),
        important_periods=in_periods(facts.round.important_periods, findings, unit.day or unit.as_of.date()),
        guidance=unit.guidance,
        guidance_records=tuple(GuidanceRecord.model_validate(dict(record)) for record in facts.guidance_records),
        alert_response=alert_response(facts.answers),
        accidents=unit.accidents,
        guidance_class=_guidance_class(facts),
        counts=unit.counts,
        enterprises=len(facts.round.enterprises),
        enterprise_names={key: dict(name) for key, name in sorted(facts.enterprise_names.items())},
        item_titles={
            row.key: dict(facts.item_titles[row.key]) for row in counted.by_item if row.key in facts.item_titles
        },
        finding_labels=_labels(findings, rates),
        rule_sets=unit.rule_sets,
    )


def _labels(findings: Sequence[FindingAssessed], rates: Sequence[Rate]) -> dict[str, str]:
    """Checklist, item and reference of the findings that a rate names."""
    named = {thing for rate in rates for row in rate.behind for thing in row.lacking}
    rows = [(str(row.finding_id), row) for row in findings if str(row.finding_id) in named]
    return {name: f"{row.checklist}/{row.item} {row.ref}".strip() for name, row in sorted(rows)}


def _point(unit: UnitAssessed) -> TrendPoint:
    return TrendPoint(round_id=unit.round_id, index=unit.index, colour=unit.colour, provisional=unit.provisional)


def _key_tasks(facts: UnitFacts) -> tuple[KeyTaskState, ...]:
    progress = facts.unit.key_tasks
    return tuple(
        KeyTaskState(id=task.id, name=task.name, progress=progress.get(task.id)) for task in facts.round.key_tasks
    )


def _guidance_class(facts: UnitFacts) -> SuggestedClass:
    before = next((past for past in facts.history[::-1] if past.round_id < facts.unit.round_id), None)
    suggested, reason = suggested_class(facts.unit, before)
    return SuggestedClass(
        suggested=suggested,
        reason=reason,
        decided=facts.round.guidance_class,
        before=before.guidance_class if before else None,
        decided_by=facts.decided_by,
        decided_reason=facts.decided_reason,
    )
