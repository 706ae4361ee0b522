"""Silences and planned shutdowns: what they hold back, and how long one may last."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from services.notify.rules.alert import Alert, Change, StepKind, with_step
from services.notify.rules.snapshots import closed_event
from shared.events.alerts import Severity
from shared.events.base import LogPosition, Value, name_id

LONGEST = timedelta(days=30)
NOTICE = timedelta(hours=1)
EVERYWHERE = "all-units"
"""Stands for the unit in the notice of a silence of all units."""


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


def ending(silence: Silence, now: datetime) -> bool:
    """Whether its end is to be announced now: an hour before, for silences longer than two hours."""
    long = silence.to - silence.from_ > 2 * NOTICE
    return long and not silence.noticed and not silence.deleted and silence.to - NOTICE <= now < silence.to


def notice(silence: Silence, now: datetime) -> Change:
    """The notice as an alert that needs no answer, to the unit's answering tier. The end of a silence of all units is
    told where everything goes that no unit is known for.
    """
    alert = Alert(
        id=str(name_id("silence_ending", silence.id, silence.to.isoformat())),
        unit_id=silence.unit_id or EVERYWHERE,
        kind="silence_ending",
        policy_key="silence_ending",
        subject=silence.id,
        headline={"zh": "静默即将结束", "en": "A silence is about to end"},
        facts={"silence": silence.id, "ends": silence.to.isoformat(), "reason": silence.reason},
        severity="minor",
        state="closed",
        opened_at=now,
        changed_at=now,
        position=LogPosition(partition=-1, offset=-1),
    )
    return Change(with_step(alert, StepKind.NOTICE, now), (closed_event(alert, None, "notice"),))
