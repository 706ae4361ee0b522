"""Statutory clocks of an accident: when the message about each limit is due. Limits: the alert policy, which names the
laws.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from services.notify.rules.alert import Alert, StepKind, with_step
from services.notify.rules.timing import Terms, at_digest_hour, stated_moment
from shared.rulesets.working_days import before_working_days, last_day

SHARE_GONE = 0.75
"""Share of a limit in minutes after which its message goes out, so that some of it is left (ours)."""
DAYS_LEFT = 3
"""Working days before the last day of a limit in days on which its message goes out (ours)."""


def with_statutory_clocks(alert: Alert, terms: Terms, reported: datetime, now: datetime) -> Alert:
    """An accident's alert with a message before each limit; a limit in days that has passed has none. Minutes count
    from the report to the authority, days from the day of the accident.
    """
    if not alert.accident:
        return alert
    for clock, due in (*_minutes(alert, terms, reported), *_days(alert, terms, reported, now)):
        alert = with_step(alert, StepKind.STATUTORY, due, note=clock)
    return alert


def _minutes(alert: Alert, terms: Terms, reported: datetime) -> Iterator[tuple[str, datetime]]:
    """Decree 493 article 11: the authority passes a report up. SAWS Order 21 article 6: a larger or worse accident goes
    to the province as well.
    """
    limits = terms.policy.statutory
    yield "authority_passes_up", _most_of(limits.authority_passes_up_within_minutes, reported)
    if alert.policy_key != "accident.ordinary":
        yield "larger_also_to_province", _most_of(limits.larger_accident_also_to_province_within_minutes, reported)


def _days(alert: Alert, terms: Terms, reported: datetime, now: datetime) -> Iterator[tuple[str, datetime]]:
    start, today = _day_of_the_accident(alert, terms, reported), now.astimezone(terms.zone).date()
    for limit in terms.policy.statutory_days:
        last = last_day(terms.calendar, start, limit.days, working=limit.working)
        if today <= last:
            day, _ = before_working_days(terms.calendar, last, DAYS_LEFT)
            yield limit.clock, at_digest_hour(terms, day)


def _most_of(minutes: float, reported: datetime) -> datetime:
    return reported + timedelta(minutes=minutes * SHARE_GONE)


def _day_of_the_accident(alert: Alert, terms: Terms, reported: datetime) -> date:
    moment = stated_moment(alert.facts.get("occurred_at")) or reported
    return moment.astimezone(terms.zone).date()
