"""Silences and planned shutdowns: what they hold back, and how long one may last."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from services.notify.rules.alert import Alert
from shared.events.alerts import Severity
from shared.events.base import Value

LONGEST = timedelta(days=30)
NOTICE = timedelta(hours=1)


class Matcher(Value):
    """Which alerts of the unit a silence concerns; what is not named matches all."""

    kind: str | None = None
    severity: Severity | None = None
    enterprise_id: str | None = None
    subject: str | None = None


class Silence(Value):
    """Messages held back for a unit (None: everywhere) from `from_` inclusive to `to` exclusive, with a reason.

    `noticed`: its end has been announced.
    """

    id: str
    unit_id: str | None
    matcher: Matcher = Field(default_factory=Matcher)
    planned_shutdown: bool = False
    reason: str
    from_: datetime
    to: datetime
    by: str
    version: int = 1
    deleted: bool = False
    noticed: bool = False


Fault = Literal["ends_before_it_begins", "too_long", "over"]


def faults(start: datetime, end: datetime, now: datetime) -> list[Fault]:
    """What is wrong with a silence's span; at most 30 days (ours)."""
    found: list[Fault] = []
    if end <= start:
        found.append("ends_before_it_begins")
    if end - start > LONGEST:
        found.append("too_long")
    if end <= now:
        found.append("over")
    return found


def silencing(alert: Alert, silences: Sequence[Silence], now: datetime) -> Silence | None:
    """The silence that holds this alert's messages back, the one that ends last. Accidents are never held back."""
    if alert.accident:
        return None
    found = [silence for silence in silences if not silence.deleted and _matches(silence, alert, now)]
    return max(found, key=lambda silence: silence.to, default=None)


def _matches(silence: Silence, alert: Alert, now: datetime) -> bool:
    wanted = silence.matcher
    return (
        silence.from_ <= now < silence.to
        and silence.unit_id in (None, alert.unit_id)
        and wanted.kind in (None, alert.kind)
        and wanted.severity in (None, alert.severity)
        and wanted.enterprise_id in (None, alert.enterprise_id)
        and wanted.subject in (None, alert.subject)
    )
