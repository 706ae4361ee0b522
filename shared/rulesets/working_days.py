"""Working days in China: the State Council's holiday notices (chinesecalendar), overridden by a table of data. Used
for deadlines.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import chinese_calendar

from shared.rulesets.tables import Row, doubled, require, rows


class Override(Row):
    """A day that is worked, or not, whatever the library says."""

    day: date
    working: bool
    name: str


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """The overrides by day."""

    overrides: dict[date, Override]


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a day is worked; `provisional` when its year's notice is not known and Monday to Friday was assumed."""

    working: bool
    provisional: bool


def working_day(table: WorkingDays, day: date) -> Answer:
    """Override first, then the notice of the year, else Monday to Friday, marked provisional."""
    override = table.overrides.get(day)
    if override is not None:
        return Answer(override.working, False)
    try:
        return Answer(bool(chinese_calendar.is_workday(day)), False)
    except NotImplementedError:
        return Answer(day.weekday() < 5, True)


def after_working_days(table: WorkingDays, start: date, count: int) -> tuple[date, bool]:
    """The day `count` working days after `start` (not counting it), and whether any day on the way was provisional."""
    return _counted(table, start, count, timedelta(days=1))


def before_working_days(table: WorkingDays, end: date, count: int) -> tuple[date, bool]:
    """The day `count` working days before `end` (not counting it), and whether any day on the way was provisional."""
    return _counted(table, end, count, timedelta(days=-1))


def last_day(table: WorkingDays, start: date, days: int, *, working: bool) -> date:
    """The day on which a limit of so many days (working ones only, or all) after `start` ends: never one that is not
    worked, else the next that is (Civil Code, article 203).
    """
    day = after_working_days(table, start, days)[0] if working else start + timedelta(days=days)
    return day if working_day(table, day).working else after_working_days(table, day, 1)[0]


def _counted(table: WorkingDays, start: date, count: int, step: timedelta) -> tuple[date, bool]:
    day, provisional = start, False
    while count > 0:
        day += step
        answer = working_day(table, day)
        provisional = provisional or answer.provisional
        count -= answer.working
    return day, provisional


def parse(overrides: tuple[str, bytes]) -> WorkingDays:
    """The overrides from their file (name, bytes). Raises `InvalidRules`."""
    found = rows(*overrides, Override)
    require(doubled(f"{overrides[0]}: day", (row.day for row in found)))
    return WorkingDays({row.day: row for row in found})
