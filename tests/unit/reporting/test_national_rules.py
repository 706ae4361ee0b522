"""The national evaluation's decisions, and the important periods they rest on."""

from datetime import date
from typing import Any

import pytest

from services.reporting.rules.evaluation import UnitFacts, evaluate_unit
from services.reporting.rules.nation import evaluate_nation
from services.reporting.rules.periods import in_periods
from services.reporting.rules.short_boards import as_peer
from shared.events.base import Colour, Grade
from shared.events.inspections import ImportantPeriod
from shared.events.risk import FindingAssessed
from shared.rulesets.unit_index import ShortBoard
from tests.builders import ENTERPRISE, enterprise_id, round_opened
from tests.unit.reporting.risk_events import finding_assessed, unit_assessed

RULES = ShortBoard(floor=0.6, percentile=20, peers=5)
CONGRESS = ImportantPeriod.model_validate({"name": "congress", "from": "2023-03-04", "to": "2023-03-13"})
HOLIDAY = ImportantPeriod.model_validate({"name": "holiday", "from": "2023-05-01", "to": "2023-05-03"})


def major(name: str, opened: date, closed: date | None = None, **changes: Any) -> FindingAssessed:
    state = {"state": "closed", "closed_on": closed} if closed else {}
    return finding_assessed(name, opened_on=opened, **state, **changes)


@pytest.mark.parametrize(
    ("opened", "closed", "stood"),
    [
        (date(2023, 2, 1), None, 1),
        (date(2023, 2, 1), date(2023, 3, 4), 0),
        (date(2023, 2, 1), date(2023, 3, 5), 1),
        (date(2023, 3, 13), None, 1),
        (date(2023, 3, 14), None, 0),
    ],
)
def test_a_finding_stands_in_a_period_from_its_day_to_the_day_before_it_is_closed(
    opened: date, closed: date | None, stood: int
) -> None:
    found = in_periods([CONGRESS], [major("a", opened, closed)], date(2023, 6, 1))[0]
    assert (found.major, found.still_open) == (stood, stood if closed is None else 0)
    assert found.enterprises == (ENTERPRISE,) * stood


def test_ordinary_findings_and_periods_to_come_count_nothing() -> None:
    ordinary = finding_assessed("o", grade=Grade.ORDINARY, opened_on=date(2023, 3, 5))
    found = in_periods([HOLIDAY, CONGRESS], [ordinary, major("a", date(2023, 3, 5))], date(2023, 4, 1))
    assert [(row.period.name, row.major) for row in found] == [("congress", 1), ("holiday", 0)]


def facts(unit_id: str, findings: list[FindingAssessed], before: str | None = None, **unit: Any) -> UnitFacts:
    own = unit_assessed(unit_id=unit_id, day=date(2023, 6, 1), **unit)
    earlier = [unit_assessed(unit_id=unit_id, round_id="2022-2", guidance_class=before)] if before else []
    opened = round_opened(unit_id=unit_id, important_periods=[CONGRESS, HOLIDAY], guidance_class=own.guidance_class)
    return UnitFacts(
        unit=own,
        round=opened.data,  # type: ignore[arg-type]
        name={"zh": unit_id, "en": unit_id},
        history=[*earlier, own],
        everyone=[as_peer(own)],
        enterprises=[],
        findings=findings,
        answers=[],
    )


def test_each_period_names_the_units_in_which_something_stood_open_then() -> None:
    closed = major("b", date(2023, 2, 1), date(2023, 4, 1), enterprise_id=enterprise_id(2))
    units = [
        facts("both", [major("a", date(2023, 2, 1)), closed]),
        facts("later", [major("c", date(2023, 5, 2))]),
        facts("none", []),
    ]
    nation = evaluate_nation("2023-1", [evaluate_unit(one, RULES, {}) for one in units])
    found = {row.period.name: row.units for row in nation.important_periods}
    assert [(unit.unit_id, unit.major, unit.still_open, unit.enterprises) for unit in found["congress"]] == [
        ("both", 2, 1, 2)
    ]
    assert [unit.unit_id for unit in found["holiday"]] == ["both", "later"]


def test_a_class_changes_by_decision_for_this_round_or_by_suggestion_for_the_next() -> None:
    units = [
        facts("moved", [], before="improvement", guidance_class="comprehensive", colour=Colour.RED),
        facts("suggested", [], before="improvement", guidance_class="improvement", colour=Colour.RED),
        facts("same", [], before="comprehensive", guidance_class="comprehensive", colour=Colour.RED),
    ]
    nation = evaluate_nation("2023-1", [evaluate_unit(one, RULES, {}) for one in units])
    found = {row.unit_id: row.guidance_class for row in nation.class_changes}
    assert sorted(found) == ["moved", "suggested"]
    assert (found["moved"].before, found["moved"].decided) == ("improvement", "comprehensive")
    assert (found["suggested"].decided, found["suggested"].suggested) == ("improvement", "comprehensive")


def test_units_rank_in_the_country_and_among_their_class_and_equals_share_a_place() -> None:
    indices = {
        "a": ("improvement", 80.0),
        "b": ("demonstration", 90.0),
        "c": ("improvement", 80.0),
        "d": ("improvement", None),
    }
    units = [facts(name, [], guidance_class=own, index=index) for name, (own, index) in indices.items()]
    nation = evaluate_nation("2023-1", [evaluate_unit(one, RULES, {}) for one in units])
    assert [(row.unit_id, row.place, row.place_in_class) for row in nation.ranking] == [
        ("b", 1, 1),
        ("a", 2, 1),
        ("c", 2, 1),
        ("d", None, None),
    ]


def test_a_common_problem_stands_in_most_units_first() -> None:
    units = [
        facts("a", [finding_assessed("1"), finding_assessed("2"), finding_assessed("3", item="7")]),
        facts("b", [finding_assessed("4", item="7", state="closed")]),
    ]
    nation = evaluate_nation("2023-1", [evaluate_unit(one, RULES, {}) for one in units])
    assert [(row.item, row.findings, row.open, row.units) for row in nation.common_problems] == [
        ("7", 2, 1, ("a", "b")),
        ("5", 2, 2, ("a",)),
    ]
