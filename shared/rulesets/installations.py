"""Old installations: design life reached or more than 20 years in operation (official survey of 2025). Used by intake
and scoring.
"""

import calendar
from datetime import date

from pydantic import Field

from shared.rulesets.tables import Rules


class OldInstallations(Rules):
    """The rule's figure: old after more than so many years in operation."""

    id: str
    version: int = Field(ge=1)
    effective_from: date | None = None
    effective_to: date | None = None
    more_than_years: int = Field(gt=0)
    source: str


def is_old(rule: OldInstallations, commissioned_on: date, design_life_years: float | None, on: date) -> bool:
    """Whether main equipment is at its design life (years, parts as whole months) or more than 20 years in operation
    on a day.
    """
    if design_life_years is not None and on >= after_months(commissioned_on, round(design_life_years * 12)):
        return True
    return on > after_months(commissioned_on, rule.more_than_years * 12)


def after_months(day: date, months: int) -> date:
    """The day so many months later; the month's last day where it has no such day. Never beyond the calendar's end."""
    years, month = divmod(day.month - 1 + months, 12)
    if day.year + years > date.max.year:
        return date.max
    last = calendar.monthrange(day.year + years, month + 1)[1]
    return date(day.year + years, month + 1, min(day.day, last))
