"""The rule sets of one round, prepared for the fold: figures as whole millionths, constant texts built once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TypeVar

from shared.errors import Rejected
from shared.events.base import Colour, RuleSetRef
from shared.events.risk import Contribution
from shared.rulesets import NotInForce, RuleSet, RuleSets, UnknownRuleSet, decree493, gb18218, grading, parks
from shared.rulesets import installations as ages
from shared.rulesets.unit_index import UnitIndex

MICRO = 1_000_000
COLOURS = tuple(Colour)
T = TypeVar("T")


class RuleSetMismatch(Exception):
    """The log names rule sets that are not at hand with the same hash: nothing may be worked out, the worker stops."""


def micro(value: float) -> int:
    """A figure as whole millionths: sums of these do not depend on their order."""
    return round(value * MICRO)


@dataclass(frozen=True, slots=True)
class Grading:
    """应急〔2018〕19号 in millionths of a point. `bands` holds the lower bound of each colour, safest first."""

    rule_set: RuleSet
    points: dict[str, int]
    bonus_max: dict[str, int]
    bands: tuple[int, ...]
    direct_red: frozenset[str]
    total: int
    untouched: tuple[Contribution, ...]
    codes: dict[str, str]
    ref: RuleSetRef


@dataclass(frozen=True, slots=True)
class Index:
    """The unit index (ours): weights by component in the file's order, level weights in millionths."""

    rules: UnitIndex
    ref: RuleSetRef
    level_weights: tuple[int, ...]
    band_values: dict[parks.BandName, int]
    bands: tuple[float, ...]
    vetoes: tuple[tuple[str, int], ...]


class Rulebook:
    """What holds for a round: of the versions its `round.opened` names, the one in force on the day asked for."""

    def __init__(self, rules: RuleSets, refs: Iterable[RuleSetRef] = ()) -> None:
        self._rules = rules
        self.refs = tuple(refs)
        self._at: dict[tuple[str, date], RuleSet] = {}
        self._gradings: dict[tuple[str, int], Grading] = {}
        self._majors: dict[str, bool] = {}

    def at(self, id: str, day: date) -> RuleSet:
        """The rule set in force. Raises `Rejected` when none is."""
        found = self._at.get((id, day))
        if found is None:
            found = self._at[id, day] = self._chosen(id, day)
        return found

    def _chosen(self, id: str, day: date) -> RuleSet:
        named = [self._rules.get(ref.id, ref.version) for ref in self.refs if ref.id == id]
        if not named:
            try:
                return self._rules.at(id, day)
            except LookupError as wrong:
                raise Rejected("no_rule_set", str(wrong)) from wrong
        holding = [rule_set for rule_set in named if rule_set.holds_on(day)]
        return max(holding or named, key=lambda found: (found.effective_from, found.version))

    def grading(self, day: date) -> Grading:
        """Enterprise grading in force on the day of the inspection."""
        rule_set = self.at("enterprise-grading-2018-19", day)
        found = self._gradings.get((rule_set.id, rule_set.version))
        if found is None:
            found = self._gradings[rule_set.id, rule_set.version] = prepared_grading(rule_set)
        return found

    def index(self, day: date) -> Index:
        """The unit index in force."""
        rule_set = self.at("unit-index", day)
        return self._indices.setdefault(rule_set.version, prepared_index(rule_set))

    @cached_property
    def _indices(self) -> dict[int, Index]:
        return {}

    def hazard_units(self, day: date) -> RuleSet:
        """GB 18218 in force; its content is `gb18218.Table`."""
        return self.at("gb18218-2018", day)

    def accident_grade(self, day: date, deaths: int, missing: int, injuries: int, loss: float) -> decree493.Grade:
        """Grade of an accident, Decree 493 article 3."""
        table = self.at("decree-493", day).of(decree493.AccidentGrades)
        return decree493.grade(table, deaths, missing, injuries, loss)

    def park_band(self, day: date, score: float) -> parks.BandName:
        """Band of a park's score, 应急〔2023〕123号."""
        return parks.band(self.at("park-bands-2023-123", day).of(parks.ParkBands), score)

    def is_old(self, commissioned_on: date, design_life_years: float | None, day: date) -> bool:
        """Whether an installation counts as old on a day."""
        rule = self.at("old-installations", day).of(ages.OldInstallations)
        return ages.is_old(rule, commissioned_on, design_life_years, day)

    def always_major(self, checklist: str) -> bool | None:
        """Whether every finding of a checklist is major; None when no such checklist is known."""
        if checklist not in self._majors:
            try:
                self._majors[checklist] = self._rules.checklist(checklist).every_finding_is_major
            except (UnknownRuleSet, NotInForce, TypeError):
                return None
        return self._majors[checklist]

    def gb18218(self, day: date) -> gb18218.Table:
        """The tables of GB 18218."""
        return self.hazard_units(day).of(gb18218.Table)


def prepared_grading(rule_set: RuleSet) -> Grading:
    """The grading table in millionths."""
    table = rule_set.of(grading.GradingTable)
    points = {code: micro(item.points) for code, item in table.items.items()}
    sources = {code: f"{item.source} {code}" for code, item in table.items.items()}
    untouched = tuple(
        Contribution(
            rule=rule_set.id,
            version=rule_set.version,
            clause=sources[code],
            inputs={"item": code, "points": item.points, "deduction": 0.0, "bonus": 0.0},
            points=item.points,
        )
        for code, item in table.items.items()
    )
    bonus_max = {code: micro(item.bonus_max) for code, item in table.items.items()}
    bands = tuple(micro(band.min_inclusive) for band in table.bands)
    codes = {code: code for code in points}
    reds = frozenset(table.direct_red)
    return Grading(rule_set, points, bonus_max, bands, reds, sum(points.values()), untouched, codes, rule_set.ref)


def prepared_index(rule_set: RuleSet) -> Index:
    """The unit index with its level weights (index 0: no hazard unit) and vetoes as positions of colours."""
    rules = rule_set.of(UnitIndex)
    components = rules.components()
    levels = components["enterprise_grades"].level_weights if "enterprise_grades" in components else {}
    weights = tuple(MICRO + micro(levels.get(level, 0.0)) for level in range(5))
    values = components["chemical_parks"].band_values if "chemical_parks" in components else {}
    vetoes = tuple((veto.id, COLOURS.index(veto.at_best)) for veto in rules.veto)
    bands = tuple(rules.bands[colour] for colour in COLOURS)
    return Index(rules, rule_set.ref, weights, {band: micro(value) for band, value in values.items()}, bands, vetoes)
