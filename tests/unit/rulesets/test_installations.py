"""When an installation counts as old."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rulesets import load
from shared.rulesets.installations import OldInstallations, after_months, is_old

RULE = load().at("old-installations", date(2023, 2, 20)).of(OldInstallations)


@pytest.mark.parametrize(
    ("life", "on", "old"),
    [
        (None, date(2023, 5, 1), False),  # twenty years to the day: not more than twenty
        (None, date(2023, 5, 2), True),
        (15, date(2018, 4, 30), False),
        (15, date(2018, 5, 1), True),  # design life reached
        (30, date(2023, 5, 2), True),  # a long design life does not undo the twenty years
        (10.5, date(2013, 10, 31), False),
        (10.5, date(2013, 11, 1), True),
    ],
)
def test_old_means_design_life_reached_or_more_than_twenty_years(life: float | None, on: date, old: bool) -> None:
    assert is_old(RULE, date(2003, 5, 1), life, on) is old


def test_an_anniversary_of_29_february_falls_on_the_last_of_the_month() -> None:
    assert after_months(date(2004, 2, 29), 12) == date(2005, 2, 28)


def test_a_design_life_beyond_the_calendar_is_never_reached() -> None:
    assert is_old(RULE, date(2020, 1, 1), 9000, date(2023, 1, 1)) is False


@given(
    st.dates(date(1950, 1, 1), date(2030, 1, 1)),
    st.none() | st.floats(0.1, 60),
    st.dates(date(1950, 1, 1), date(2090, 1, 1)),
    st.integers(0, 9000),
)
def test_what_is_old_stays_old(commissioned: date, life: float | None, on: date, days: int) -> None:
    later = date.fromordinal(on.toordinal() + days)
    assert is_old(RULE, commissioned, life, later) >= is_old(RULE, commissioned, life, on)
