"""Events of `alerts.v1`: the duty to answer a hazard, and everything done about it. Written by notify; enough to
rebuild notify from.
"""

import uuid
from datetime import datetime
from typing import Any, Literal

from shared.events.base import Data, LogPosition, Value

Severity = Literal["extreme", "severe", "moderate", "minor"]
Tier = Literal["county", "prefecture", "province", "national"]
AlertState = Literal["open", "escalated", "acknowledged", "closed"]


class AlertSnapshot(Data):
    """The alert as it stands after the change; `version` grows by one with each change of the alert."""

    alert_id: uuid.UUID
    version: int
    enterprise_id: str | None = None
    kind: str
    subject: str
    severity: Severity
    state: AlertState
    tier: Tier
    headline: dict[str, str]
    facts: dict[str, Any]
    opened_at: datetime
    drill: bool = False
    sent: bool = True
    promise_by: datetime | None = None
    at: datetime
    policy_key: str | None = None
    episode: int | None = None
    round_id: str | None = None
    condition: bool = False
    audience: Literal["chain", "operators"] = "chain"
    told: tuple[Tier, ...] = ()
    log_position: LogPosition | None = None


class AlertOpened(AlertSnapshot):
    """A hazard opened an alert. `sent` false: recorded only (cause older than 24 h, or a rebuild).

    `skipped` are the tiers below `tier` that are absent or have no usable contact.
    """

    skipped: tuple[Tier, ...] = ()


class AlertUpdated(AlertSnapshot):
    """Severity or facts of the alert changed."""

    rose: bool = False


class AlertAcknowledged(AlertSnapshot):
    """Somebody promised to see to it, by `promise_by`."""

    by: str
    note: str
    channel: str
    claimed_before: tuple[str, ...] = ()


class AlertPromiseBroken(AlertSnapshot):
    """The promise passed and the hazard still stands."""


class AlertEscalated(AlertSnapshot):
    """The next tier is told."""

    from_tier: Tier
    skipped: tuple[Tier, ...] = ()


class AlertClosed(AlertSnapshot):
    """Cleared, or closed by hand with a reason."""

    by: str | None = None
    reason: str


class AlertReopened(AlertSnapshot):
    """Opened again by hand with a reason."""

    by: str
    reason: str


class DeliveryData(Data):
    """One message of one step to one contact on one channel; `message_id` is the same in every repeat."""

    delivery_id: uuid.UUID
    alert_id: uuid.UUID
    step: str
    tier: Tier | Literal["operators"]
    authority_id: str | None
    contact_id: str
    channel: str
    message_id: str
    attempt: int
    drill: bool = False
    at: datetime


class AlertDelivered(DeliveryData):
    """The receiver took the message."""

    result: str


class AlertDeliveryFailed(DeliveryData):
    """The receiver did not take it; `final` when it will not be tried again."""

    error: str
    final: bool


class SilencePut(Value):
    """A silence or planned shutdown, or its end (`deleted`)."""

    silence_id: str
    unit_id: str | None
    matcher: dict[str, Any]
    reason: str
    from_: datetime
    to: datetime
    by: str
    deleted: bool = False
