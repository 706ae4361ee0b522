"""Whether a due step's message goes out: one pure function with a named reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.notify.rules.alert import AFTER_ANSWER, Alert, Step, StepKind, rises
from services.notify.rules.silences import Silence, silencing
from shared.events.alerts import Severity

LOOK_AGAIN = timedelta(minutes=2)
"""How often a held step looks whether its silence still stands: one may be ended early."""


class Reason(StrEnum):
    """Why a message goes out, waits or is dropped."""

    DUE = "due"
    CLOSED = "closed"
    ANSWERED = "answered"
    RECORDED_ONLY = "recorded_only"
    SILENCED = "silenced"
    MUTED = "muted"
    NOBODY_WAS_TOLD = "nobody_was_told"
    NOBODY_ABOVE = "nobody_above"


@dataclass(frozen=True, slots=True)
class Decision:
    """Send, drop, or (`until` set) hold back until then."""

    send: bool
    reason: Reason
    until: datetime | None = None


def should_send(
    alert: Alert, step: Step, silences: Sequence[Silence], unit_alert: Severity | None, now: datetime
) -> Decision:
    """`unit_alert` is the highest severity of the unit's own unanswered or answered, not closed, `unit.*` alerts."""
    if step.kind is StepKind.CLEAR:
        return Decision(bool(alert.told), Reason.DUE if alert.told else Reason.NOBODY_WAS_TOLD)
    if step.kind is StepKind.NOTICE:
        return Decision(True, Reason.DUE)
    if alert.state == "closed":
        return Decision(False, Reason.CLOSED)
    if step.only:
        return Decision(True, Reason.DUE)
    if not alert.sent and step.kind is not StepKind.PROMISE:
        return Decision(False, Reason.RECORDED_ONLY)
    if alert.answered and step.kind not in AFTER_ANSWER:
        return Decision(False, Reason.ANSWERED)
    silence = silencing(alert, silences, now)
    if silence is not None:
        return Decision(False, Reason.SILENCED, min(silence.to, now + LOOK_AGAIN))
    if step.kind in (StepKind.REMINDER, StepKind.DIGEST) and muted(alert, unit_alert):
        return Decision(False, Reason.MUTED)
    return Decision(True, Reason.DUE)


def muted(alert: Alert, unit_alert: Severity | None) -> bool:
    """A unit alert mutes reminders of lower-severity alerts of that unit; never an accident."""
    if unit_alert is None or alert.accident or alert.kind.startswith("unit."):
        return False
    return rises(alert.severity, unit_alert)
