"""Colours of enterprise scores, bands of parks, and what makes their tables unusable."""

from datetime import date

import pytest

from shared.events.base import Colour
from shared.rulesets import InvalidRules, load
from shared.rulesets.grading import GradingTable
from shared.rulesets.parks import ParkBands, band
from shared.rulesets.parks import parse as parse_parks

DAY = date(2023, 2, 20)
GRADING = load().at("enterprise-grading-2018-19", DAY).of(GradingTable)
PARKS = load().at("park-bands-2023-123", DAY).of(ParkBands)


@pytest.mark.parametrize(
    ("score", "colour"),
    [
        (120, "blue"),
        (90, "blue"),
        (89.99, "yellow"),
        (75, "yellow"),
        (74.99, "orange"),
        (60, "orange"),
        (59.99, "red"),
        (-5, "red"),
    ],
)
def test_enterprise_colours_begin_at_their_lower_bound(score: float, colour: str) -> None:
    assert GRADING.colour_of(score) == Colour(colour)


def test_the_twelve_items_give_100_points() -> None:
    assert len(GRADING.items) == 12
    assert sum(item.points for item in GRADING.items.values()) == 100
    assert GRADING.items["8.1"].points == 0
    assert [code for code, item in GRADING.items.items() if item.bonus_max] == ["3.1", "6.1", "8.1", "9.1"]


def test_the_four_direct_red_rules_are_known_by_code() -> None:
    assert list(GRADING.direct_red) == ["dr1", "dr2", "dr3", "dr4"]


@pytest.mark.parametrize(
    ("score", "name"), [(0, "A"), (59.9, "A"), (60, "B"), (69.9, "B"), (70, "C"), (84.9, "C"), (85, "D"), (100, "D")]
)
def test_park_bands_begin_at_their_lower_bound(score: float, name: str) -> None:
    assert band(PARKS, score) == name


def test_a_gap_between_park_bands_is_named() -> None:
    header = b"band,risk_zh,score_min_inclusive,score_max_exclusive,source\n"
    table = header + b"A,x,0,60,s\nB,x,61,70,s\nC,x,70,85,s\nD,x,85,,s\n"
    with pytest.raises(InvalidRules, match="band A does not end where band B begins"):
        parse_parks(("bands.csv", table))
