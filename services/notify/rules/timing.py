"""When things are due: times to answer, reminders, digests, promises. Data: the alert policy."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from shared.events.alerts import Severity
from shared.rulesets.alert_policy import AlertPolicy
from shared.rulesets.working_days import WorkingDays

OLD_AFTER = timedelta(hours=24)
UNKNOWN_SEVERITY: Severity = "severe"
Period = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Terms:
    """What timing depends on: the policy, the important periods (from inclusive, to exclusive), the time zone and the
    calendar of working days.
    """

    policy: AlertPolicy
    periods: tuple[Period, ...]
    zone: tzinfo
    calendar: WorkingDays


def severity_of(policy: AlertPolicy, policy_key: str) -> Severity:
    """The policy's severity; a kind that the policy does not name counts as severe, never as nothing (ours)."""
    return policy.severity.get(policy_key, UNKNOWN_SEVERITY)


def important(terms: Terms, now: datetime) -> bool:
    return any(start <= now < end for start, end in terms.periods)


def ack_within(terms: Terms, severity: Severity, now: datetime) -> timedelta:
    """Time to answer, halved (the policy's factor) inside an important period."""
    factor = terms.policy.important_period_factor if important(terms, now) else 1.0
    return timedelta(minutes=terms.policy.ack_within_minutes[severity] * factor)


def repeat_at(terms: Terms, severity: Severity, now: datetime) -> datetime:
    """When an unanswered alert is repeated: after the policy's minutes; minor and moderate ones in the next digest."""
    if severity in ("minor", "moderate"):
        return next_digest(terms, now)
    factor = terms.policy.important_period_factor if important(terms, now) else 1.0
    return now + timedelta(minutes=terms.policy.grouping.repeat_every_minutes * factor)


def next_digest(terms: Terms, now: datetime) -> datetime:
    """The next digest hour in the product's zone, strictly after now."""
    local = now.astimezone(terms.zone)
    today = at_digest_hour(terms, local.date())
    return today if today > now else at_digest_hour(terms, local.date() + timedelta(days=1))


def stated_moment(fact: object) -> datetime | None:
    """The moment that a fact states in RFC 3339; None for anything else."""
    try:
        found = datetime.fromisoformat(fact) if isinstance(fact, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo else None


def at_digest_hour(terms: Terms, day: date) -> datetime:
    """The digest hour of a day in the product's zone, as UTC."""
    return datetime.combine(day, terms.policy.grouping.digest_at, terms.zone).astimezone(UTC)


def default_promise(terms: Terms, severity: Severity, now: datetime) -> datetime:
    return now + timedelta(hours=terms.policy.default_promise_hours[severity])


def backoff(attempt: int) -> timedelta:
    """Wait before the next attempt: 2, 4, 8 … seconds, five minutes at most."""
    return timedelta(seconds=min(2.0 ** max(1, attempt), 300.0))


def important_periods(rounds: Iterable[Mapping[str, Any]], zone: tzinfo) -> tuple[Period, ...]:
    """The important periods of the registry's rounds; days without an hour count whole."""
    return tuple(
        (_moment(period["from"], zone, last=False), _moment(period["to"], zone, last=True))
        for found in rounds
        for period in found.get("important_periods") or ()
    )


def _moment(text: str, zone: tzinfo, *, last: bool) -> datetime:
    if len(text) == len("2023-03-05"):
        day = date.fromisoformat(text) + timedelta(days=1 if last else 0)
        return datetime.combine(day, time(0), zone)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=zone)
