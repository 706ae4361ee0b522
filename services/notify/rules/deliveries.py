"""Deliveries as attempts add up, and the events that tell of them. Used by the stages."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from services.notify.rules.alert import Alert, Step, delivery_id
from services.notify.rules.routing import OPERATORS, Contact, Desk
from shared.events.alerts import AlertDelivered, AlertDeliveryFailed
from shared.events.base import Value


class Attempt(Value):
    """One attempt at a delivery and how it ended."""

    at: datetime
    outcome: Literal["delivered", "again", "failed"]
    detail: str


class Delivery(Value):
    """One message of one step to one contact: everything tried, newest attempt last (six at most)."""

    id: str
    alert_id: str
    unit_id: str
    enterprise_id: str | None = None
    step: str
    tier: str
    authority_id: str
    contact_id: str
    channel: str
    message_id: str
    drill: bool = False
    state: Literal["delivered", "retrying", "failed"]
    attempts: tuple[Attempt, ...]
    at: datetime

    @property
    def contact_key(self) -> str:
        return f"{self.authority_id}/{self.contact_id}"


def delivery_of(
    alert: Alert,
    step: Step,
    desk: Desk,
    contact: Contact,
    before: Delivery | None,
    attempt: Attempt,
    digest: str = "",
) -> Delivery:
    """The delivery with one more attempt; under a digest's message id when one has named the alert."""
    id = str(delivery_id(alert.id, step.id, contact.authority_id, contact.id, contact.channel))
    return Delivery(
        id=id,
        alert_id=alert.id,
        unit_id=alert.unit_id,
        enterprise_id=alert.enterprise_id,
        step=step.id,
        tier=OPERATORS if desk.authority_id == OPERATORS else desk.tier,
        authority_id=contact.authority_id,
        contact_id=contact.id,
        channel=contact.channel,
        message_id=digest or message_id(id),
        drill=alert.drill,
        state={"delivered": "delivered", "again": "retrying", "failed": "failed"}[attempt.outcome],
        attempts=(*(before.attempts if before else ()), attempt),
        at=attempt.at,
    )


def message_id(delivery: str) -> str:
    """What the receiver can tell a repeat by."""
    return f"msg_{delivery}"


def event_of(delivery: Delivery, attempt: int, now: datetime) -> BaseModel:
    """What tells of the delivery's last attempt."""
    last = delivery.attempts[-1]
    shared = {
        **delivery.model_dump(include=set(AlertDelivered.model_fields)),
        "delivery_id": delivery.id,
        "attempt": attempt,
        "at": now,
    }
    if last.outcome == "delivered":
        return AlertDelivered.model_validate({**shared, "result": last.detail})
    return AlertDeliveryFailed.model_validate({**shared, "error": last.detail, "final": last.outcome == "failed"})
