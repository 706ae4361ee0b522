"""The rule sets of one round, prepared for the fold: figures as whole millionths, constant texts built once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import orjson

from services.scoring.rules.components import INPUTS, SCORES, Figures, Score
from services.scoring.rules.measures import COLOURS, MICRO, Json, micro, shared_text
from shared.errors import Rejected
from shared.events.base import RuleSetRef
from shared.rulesets import NotInForce, RuleSet, RuleSets, UnknownRuleSet, decree493, grading, parks
from shared.rulesets import installations as ages
from shared.rulesets.unit_index import Component, UnitIndex

# Contributions as JSON by item, deduction and bonus; and those of each rule set by its hash, with its content.
Shown = dict[tuple[str, int, int], orjson.Fragment]
_SHOWN: dict[str, tuple[object, Shown]] = {}


class RuleSetMismatch(Exception):
    """The log names rule sets that are not at hand with the same hash: nothing may be worked out, the worker stops."""


class GradingItem(NamedTuple):
    """An item of the grading in millionths of a point, with the texts that explanations need."""

    code: str
    points: int
    bonus_max: int
    deductions: str
    bonuses: str
    clause: str


@dataclass(frozen=True, slots=True)
class Grading:
    """应急〔2018〕19号 in millionths of a point. `bands` holds the lower bound of each colour, safest first."""

    rule_set: RuleSet
    ref: Json
    items: dict[str, GradingItem]
    bands: tuple[int, ...]
    direct_red: frozenset[str]
    total: int
    untouched: dict[str, orjson.Fragment]
    with_bonus: tuple[GradingItem, ...]
    shown: Shown


@dataclass(frozen=True, slots=True)
class Index:
    """The unit index (ours): weights by component in the file's order, level weights in millionths. `readers` has the
    positions of the components that depend on a figure, by the figure's name.
    """

    rules: UnitIndex
    ref: Json
    label: str
    level_weights: tuple[int, ...]
    band_values: dict[str, int]
    bands: tuple[float, ...]
    vetoes: tuple[tuple[str, int], ...]
    components: tuple[tuple[Component, Score, float | None], ...]
    weights: tuple[float, ...]
    readers: dict[str, tuple[int, ...]]


class Rulebook:
    """What holds for a round: of the versions its `round.opened` names, the one in force on the day asked for."""

    def __init__(self, rules: RuleSets, refs: Iterable[RuleSetRef] = ()) -> None:
        self._rules = rules
        self.refs = tuple(refs)
        self.shown_refs = [ref.model_dump() for ref in self.refs]
        self._at: dict[tuple[str, date], RuleSet] = {}
        self._gradings: dict[date, Grading] = {}
        self._majors: dict[str, bool] = {}

    def at(self, id: str, day: date) -> RuleSet:
        """The rule set in force; before the first version the first one, after the last one the last, for there is no
        other. Raises `Rejected` when no version is at hand.
        """
        found = self._at.get((id, day))
        if found is None:
            found = self._at[id, day] = self._chosen(id, day)
        return found

    def _chosen(self, id: str, day: date) -> RuleSet:
        named = [self._rules.get(ref.id, ref.version) for ref in self.refs if ref.id == id]
        known = sorted(named or self._rules.versions(id), key=lambda found: (found.effective_from, found.version))
        if not known:
            raise Rejected("no_rule_set", id)
        holding = [rule_set for rule_set in known if rule_set.holds_on(day)]
        return holding[-1] if holding else known[0 if day < known[0].effective_from else -1]

    def grading(self, day: date) -> Grading:
        """Enterprise grading in force on the day of the inspection."""
        found = self._gradings.get(day)
        if found is None:
            rule_set = self.at("enterprise-grading-2018-19", day)
            known = {each.rule_set.version: each for each in self._gradings.values()}
            found = self._gradings[day] = known.get(rule_set.version) or prepared_grading(rule_set)
        return found

    def index(self, day: date) -> Index:
        """The unit index in force."""
        rule_set = self.at("unit-index", day)
        return prepared_index(rule_set)

    def hazard_units(self, day: date) -> RuleSet:
        """GB 18218 in force; its content is the tables of GB 18218."""
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


def prepared_grading(rule_set: RuleSet) -> Grading:
    """The grading table in millionths."""
    table = rule_set.of(grading.GradingTable)
    items = {code: _item(code, item) for code, item in table.items.items()}
    bands = tuple(micro(band.min_inclusive) for band in table.bands)
    total = sum(item.points for item in items.values())
    untouched = {code: contribution(rule_set, item, 0, 0) for code, item in items.items()}
    with_bonus = tuple(item for item in items.values() if item.bonus_max)
    reds = frozenset(table.direct_red)
    ref = rule_set.ref.model_dump()
    return Grading(rule_set, ref, items, bands, reds, total, untouched, with_bonus, shown_by(rule_set))


def shown_by(rule_set: RuleSet) -> Shown:
    """The contributions written so far by this very rule set: all units whose rounds name it share them."""
    owner, shown = _SHOWN.get(rule_set.sha256, (None, {}))
    if owner is not rule_set.value:
        shown = {}
        _SHOWN[rule_set.sha256] = (rule_set.value, shown)
    return shown


def _item(code: str, item: grading.Item) -> GradingItem:
    names = f"deductions.{code}", f"bonuses.{code}"
    return GradingItem(shared_text(code), micro(item.points), micro(item.bonus_max), *names, f"{item.source} {code}")


def contribution(rule_set: RuleSet, item: GradingItem, deduction: int, bonus: int) -> orjson.Fragment:
    """What an item with a deduction and a bonus (millionths) adds to the score, as JSON."""
    kept = max(0, item.points - deduction) + min(bonus, item.bonus_max)
    inputs = {
        "item": item.code,
        "points": item.points / MICRO,
        "deduction": deduction / MICRO,
        "bonus": bonus / MICRO,
    }
    found = {
        "rule": rule_set.id,
        "version": rule_set.version,
        "clause": item.clause,
        "inputs": inputs,
        "points": kept / MICRO,
    }
    # As a text, because the bytes that orjson returns keep its whole buffer of a kilobyte or two.
    return orjson.Fragment(orjson.dumps(found).decode())


def prepared_index(rule_set: RuleSet) -> Index:
    """The unit index with its level weights (position 0: no hazard unit) and vetoes as positions of colours."""
    rules = rule_set.of(UnitIndex)
    components = rules.components()
    levels = components["enterprise_grades"].level_weights if "enterprise_grades" in components else {}
    weights = tuple(MICRO + micro(levels.get(level, 0.0)) for level in range(5))
    values = components["chemical_parks"].band_values if "chemical_parks" in components else {}
    parks_ = {str(band): micro(value) for band, value in values.items()}
    vetoes = tuple((veto.id, COLOURS.index(veto.at_best)) for veto in rules.veto)
    bands = tuple(rules.bands[colour] for colour in COLOURS)
    scored = tuple(
        (each, SCORES[each.id], None if each.empty == "skip" else float(each.empty)) for each in rules.component
    )
    shares = tuple(each.weight for each in rules.component)
    readers = {
        figure: tuple(at for at, each in enumerate(rules.component) if figure in INPUTS[each.id])
        for figure in Figures._fields
    }
    return Index(
        rules, rule_set.ref.model_dump(), rule_set.label, weights, parks_, bands, vetoes, scored, shares, readers
    )
