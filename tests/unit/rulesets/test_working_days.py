"""Working days: notices of known years, Monday to Friday beyond them, a table above both."""

from datetime import date

import pytest

from shared.rulesets import InvalidRules, load
from shared.rulesets.working_days import (
    Answer,
    WorkingDays,
    after_working_days,
    before_working_days,
    last_day,
    parse,
    working_day,
)

TABLE = load().at("working-days", date(2023, 2, 20)).of(WorkingDays)


def test_a_spring_festival_weekday_is_not_worked_and_its_make_up_saturday_is() -> None:
    assert working_day(TABLE, date(2023, 1, 23)) == Answer(working=False, provisional=False)
    assert working_day(TABLE, date(2023, 1, 28)) == Answer(working=True, provisional=False)


def test_a_year_without_a_notice_is_monday_to_friday_and_says_so() -> None:
    assert working_day(TABLE, date(2051, 3, 3)) == Answer(working=True, provisional=True)
    assert working_day(TABLE, date(2051, 3, 4)) == Answer(working=False, provisional=True)


def test_a_day_of_the_table_beats_the_notice_and_is_not_provisional() -> None:
    table = parse(("days.csv", b"day,working,name,source\n2051-03-03,false,synthetic,test\n"))
    assert working_day(table, date(2051, 3, 3)) == Answer(working=False, provisional=False)


def test_fifteen_working_days_skip_the_festival() -> None:
    assert after_working_days(TABLE, date(2023, 1, 20), 1) == (date(2023, 1, 28), False)
    assert after_working_days(TABLE, date(2051, 3, 3), 1) == (date(2051, 3, 6), True)


def test_days_count_backwards_as_they_count_forwards() -> None:
    assert before_working_days(TABLE, date(2023, 1, 28), 1) == (date(2023, 1, 20), False)
    for count in range(1, 40):
        there, _ = after_working_days(TABLE, date(2023, 1, 20), count)
        assert before_working_days(TABLE, there, count) == (date(2023, 1, 20), False)


def test_a_limit_ends_on_no_day_that_is_not_worked() -> None:
    assert last_day(TABLE, date(2023, 1, 13), 10, working=False) == date(2023, 1, 28)
    assert last_day(TABLE, date(2023, 1, 13), 7, working=False) == date(2023, 1, 20)
    assert last_day(TABLE, date(2023, 1, 20), 1, working=True) == date(2023, 1, 28)


def test_a_day_given_twice_is_an_error() -> None:
    with pytest.raises(InvalidRules, match="2051-03-03 stands twice"):
        parse(("days.csv", b"day,working,name,source\n2051-03-03,false,a,t\n2051-03-03,true,b,t\n"))
