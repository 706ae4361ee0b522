"""What stood open in a round's important periods. Called by the evaluation."""

from collections.abc import Sequence
from datetime import date

from shared.events.base import EnterpriseId, Grade, Value
from shared.events.inspections import ImportantPeriod
from shared.events.risk import FindingAssessed


class PeriodFindings(Value):
    """An important period, and the major findings that stood open on any of its days up to the day of the evaluation;
    `still_open` of them stand. None of a period that has not begun.
    """

    period: ImportantPeriod
    major: int
    still_open: int
    enterprises: tuple[EnterpriseId, ...]


def in_periods(
    periods: Sequence[ImportantPeriod], findings: Sequence[FindingAssessed], today: date
) -> tuple[PeriodFindings, ...]:
    """The periods in their order in time."""
    return tuple(_in_period(period, findings, today) for period in sorted(periods, key=_span))


def _span(period: ImportantPeriod) -> tuple[date, date, str]:
    return period.from_, period.to, period.name


def _in_period(period: ImportantPeriod, findings: Sequence[FindingAssessed], today: date) -> PeriodFindings:
    stood = [row for row in findings if row.grade is Grade.MAJOR and _stood_open(row, period, today)]
    return PeriodFindings(
        period=period,
        major=len(stood),
        still_open=sum(row.state != "closed" for row in stood),
        enterprises=tuple(sorted({row.enterprise_id for row in stood})),
    )


def _stood_open(finding: FindingAssessed, period: ImportantPeriod, today: date) -> bool:
    """Open from the day it was found to the day before it was closed."""
    begun = period.from_ <= today and finding.opened_on <= min(period.to, today)
    return begun and (finding.closed_on is None or finding.state != "closed" or finding.closed_on > period.from_)
