"""Alerts, deliveries, silences and events as documents and back; the only place that knows their shape in the store."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.notify.rules.alert import Alert
from services.notify.rules.deliveries import Delivery
from services.notify.rules.silences import Silence
from shared.events.catalogue import CATALOGUE
from shared.events.envelope import Event, encode, parse

Document = dict[str, Any]
OUTBOX = "outbox"


def alert_document(alert: Alert) -> Document:
    """The alert's fields; `next_due` is there only while a worker is needed, so that its index holds those alone."""
    found = alert.model_dump(exclude={"id"})
    found["steps"] = [_plain(step) for step in found["steps"]]
    found["position"] = dict(found["position"])
    if alert.next_due is not None:
        found["next_due"] = alert.next_due
    return found


def alert_of(document: Mapping[str, Any]) -> Alert:
    return Alert.model_validate(dict(document) | {"id": document["_id"]})


def delivery_document(delivery: Delivery) -> Document:
    return delivery.model_dump(exclude={"id"})


def delivery_of(document: Mapping[str, Any]) -> Delivery:
    return Delivery.model_validate(dict(document) | {"id": document["_id"]})


def silence_document(silence: Silence) -> Document:
    return silence.model_dump(exclude={"id"})


def silence_of(document: Mapping[str, Any]) -> Silence:
    return Silence.model_validate(dict(document) | {"id": document["_id"]})


def event_document(event: Event) -> Document:
    """An event as it will be published: its data as the very bytes, so that a repeat is identical."""
    return {
        "id": str(event.id),
        "type": event.type,
        "source": event.source,
        "subject": event.subject,
        "time": event.time,
        "key": event.key,
        "data": encode(event).decode(),
        "correlation_id": event.correlation_id,
        "traceparent": event.traceparent,
    }


def event_of(document: Mapping[str, Any]) -> Event:
    type_ = document["type"]
    return Event(
        UUID(document["id"]),
        type_,
        document["source"],
        document["subject"],
        document["time"],
        document["key"],
        parse(CATALOGUE[type_], document["data"].encode()),
        document["correlation_id"],
        document["traceparent"],
    )


def events_of(documents: Sequence[Mapping[str, Any]]) -> list[Event]:
    return [event_of(document) for document in documents]


def _plain(step: Mapping[str, Any]) -> Document:
    return {**step, "kind": str(step["kind"])}
