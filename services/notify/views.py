"""How an alert, its history and its deliveries look to callers: one shape for the API, webhooks and pages."""

from typing import Any

from services.notify.rules.alert import Alert
from services.notify.rules.deliveries import Delivery
from shared.events.alerts import AlertSnapshot
from shared.events.catalogue import PREFIX
from shared.events.envelope import Event

_ALERT_FIELDS = {
    "id",
    "unit_id",
    "enterprise_id",
    "kind",
    "policy_key",
    "subject",
    "severity",
    "state",
    "opened_at",
    "headline",
    "facts",
    "drill",
    "tier",
    "promise_by",
    "round_id",
    "sent",
    "version",
    "told",
    "answer",
}
_CHANGE_FIELDS = {"state", "tier", "severity", "promise_by"}
_SHARED = set(AlertSnapshot.model_fields)


def alert_view(alert: Alert) -> dict[str, Any]:
    """The alert of the contract, JSON-ready; without its history."""
    return alert.model_dump(mode="json", include=_ALERT_FIELDS)


def entry_view(event: Event) -> dict[str, Any]:
    """One line of the history: what happened, when, and what it says beyond the alert itself."""
    name = event.type.removeprefix(PREFIX).removesuffix(".v1")
    found = event.data.model_dump(mode="json")
    if isinstance(event.data, AlertSnapshot):
        found = {field: value for field, value in found.items() if field in _CHANGE_FIELDS or field not in _SHARED}
    else:
        found = {field: value for field, value in found.items() if field not in ("alert_id", "unit_id", "drill", "at")}
    return {"event": name, "at": event.time.isoformat(), "event_id": str(event.id), **found}


def delivery_view(delivery: Delivery) -> dict[str, Any]:
    """A delivery with every attempt, newest last."""
    return delivery.model_dump(mode="json")
