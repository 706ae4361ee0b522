"""Grades of accidents by State Council Decree 493, article 3."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rulesets import load
from shared.rulesets.decree493 import WORST_FIRST, AccidentGrades, grade

TABLE = load().at("decree-493", date(2023, 2, 20)).of(AccidentGrades)


@pytest.mark.parametrize(
    ("deaths", "injuries", "yuan", "expected"),
    [
        (30, 0, 0, "extraordinary"),
        (29, 99, 99_999_999.99, "major"),
        (0, 100, 0, "extraordinary"),
        (0, 0, 100_000_000, "extraordinary"),
        (10, 0, 0, "major"),
        (0, 50, 0, "major"),
        (0, 0, 50_000_000, "major"),
        (9, 49, 49_999_999.99, "larger"),
        (3, 0, 0, "larger"),
        (0, 10, 0, "larger"),
        (0, 0, 10_000_000, "larger"),
        (2, 9, 9_999_999.99, "ordinary"),
        (0, 0, 0, "ordinary"),
    ],
)
def test_any_one_threshold_suffices_and_includes_its_number(
    deaths: int, injuries: int, yuan: float, expected: str
) -> None:
    assert grade(TABLE, deaths, 0, injuries, yuan) == expected


def test_missing_persons_count_as_dead() -> None:
    assert grade(TABLE, 1, 2, 0, 0) == "larger"


figures = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 200), st.floats(0, 3e8))


@given(figures, figures)
def test_more_of_anything_never_makes_the_grade_milder(
    one: tuple[int, int, int, float], more: tuple[int, int, int, float]
) -> None:
    deaths, missing, injuries, yuan = (first + second for first, second in zip(one, more, strict=True))
    assert WORST_FIRST.index(grade(TABLE, int(deaths), int(missing), int(injuries), yuan)) <= WORST_FIRST.index(
        grade(TABLE, *one)
    )
