"""The events that tell of an alert's changes, and their envelopes with computed ids."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel

from services.notify.rules.alert import Alert
from shared.events import alerts
from shared.events.alerts import Tier
from shared.events.base import name_id
from shared.events.envelope import Event, make

SOURCE = "keycounty/notify"
S = TypeVar("S", bound=alerts.AlertSnapshot)


def _snapshot(model: type[S], alert: Alert, **more: Any) -> S:
    return model(
        unit_id=alert.unit_id,
        alert_id=UUID(alert.id),
        version=alert.version,
        enterprise_id=alert.enterprise_id,
        kind=alert.kind,
        subject=alert.subject,
        severity=alert.severity,
        state=alert.state,
        tier=alert.tier,
        headline=dict(alert.headline),
        facts=dict(alert.facts),
        opened_at=alert.opened_at,
        drill=alert.drill,
        sent=alert.sent,
        promise_by=alert.promise_by,
        at=alert.changed_at,
        policy_key=alert.policy_key,
        episode=alert.episode,
        round_id=alert.round_id,
        condition=alert.condition,
        audience=alert.audience,
        told=alert.told,
        log_position=alert.position,
        **more,
    )


def opened_event(alert: Alert, skipped: Sequence[Tier]) -> BaseModel:
    return _snapshot(alerts.AlertOpened, alert, skipped=tuple(skipped))


def updated_event(alert: Alert, rose: bool) -> BaseModel:
    return _snapshot(alerts.AlertUpdated, alert, rose=rose)


def escalated_event(alert: Alert, from_tier: Tier, skipped: Sequence[Tier]) -> BaseModel:
    return _snapshot(alerts.AlertEscalated, alert, from_tier=from_tier, skipped=tuple(skipped))


def promise_broken_event(alert: Alert) -> BaseModel:
    return _snapshot(alerts.AlertPromiseBroken, alert)


def acknowledged_event(alert: Alert, by: str, note: str, channel: str, claimed_before: Sequence[str]) -> BaseModel:
    return _snapshot(
        alerts.AlertAcknowledged, alert, by=by, note=note, channel=channel, claimed_before=tuple(claimed_before)
    )


def closed_event(alert: Alert, by: str | None, reason: str) -> BaseModel:
    return _snapshot(alerts.AlertClosed, alert, by=by, reason=reason)


def reopened_event(alert: Alert, by: str, reason: str) -> BaseModel:
    return _snapshot(alerts.AlertReopened, alert, by=by, reason=reason)


def enveloped(alert: Alert, data: Sequence[BaseModel], now: datetime) -> list[Event]:
    """The events of one stored change of an alert. Ids: UUIDv5 of alert, version and place, or of the delivery and
    attempt; so a change that is computed again gives the same.
    """
    return [
        make(
            found.model_copy(update={"version": alert.version}) if isinstance(found, alerts.AlertSnapshot) else found,
            id=event_id(found, alert, place),
            source=SOURCE,
            subject=alert.id,
            time=now,
            key=alert.unit_id,
            correlation_id=alert.correlation_id,
        )
        for place, found in enumerate(data)
    ]


def event_id(data: BaseModel, alert: Alert, place: int) -> UUID:
    if isinstance(data, alerts.DeliveryData):
        return name_id(type(data).__name__, str(data.delivery_id), str(data.attempt))
    return name_id(type(data).__name__, alert.id, str(alert.version), str(place))
