"""The CloudEvents 1.0 envelope in Kafka's binary mode: used by whoever writes to or reads from the bus."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from pydantic import BaseModel, ValidationError

from shared.errors import Rejected
from shared.events.base import FIRST_DAY, LAST_DAY, Data
from shared.events.catalogue import CATALOGUE, PREFIX, EventType, by_model
from shared.events.upcasters import UPCASTERS, Upcasters, upcast

SPECVERSION = "1.0"
_REQUIRED = ("ce_id", "ce_type", "ce_source", "ce_subject", "ce_time")
_READ = frozenset({*_REQUIRED, "ce_correlationid", "traceparent"})
Header = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Event:
    """One event: CloudEvents attributes, the typed `data`, and the Kafka key it is published under.

    `type` carries prefix and major version (`keycounty.inspection.submitted.v1`).
    """

    id: uuid.UUID
    type: str
    source: str
    subject: str
    time: datetime
    key: str
    data: BaseModel
    correlation_id: str | None = None
    traceparent: str | None = None

    @property
    def spec(self) -> EventType:
        """The catalogue's row for this type."""
        return CATALOGUE[self.type]


def make(
    data: BaseModel,
    *,
    id: uuid.UUID,
    source: str,
    subject: str,
    time: datetime,
    key: str | None = None,
    correlation_id: str | None = None,
    traceparent: str | None = None,
) -> Event:
    """An event around `data`; its type follows from the model, its key from `unit_id` unless given."""
    spec = by_model(type(data))
    return Event(
        id,
        spec.type,
        source,
        subject,
        time,
        cast(Data, data).unit_id if key is None else key,
        data,
        correlation_id,
        traceparent,
    )


def headers(event: Event) -> list[Header]:
    """The event's attributes as Kafka headers, in a fixed order."""
    found = [
        ("ce_specversion", SPECVERSION),
        ("ce_id", str(event.id)),
        ("ce_source", event.source),
        ("ce_type", event.type),
        ("ce_time", event.time.astimezone(UTC).isoformat().replace("+00:00", "Z")),
        ("ce_subject", event.subject),
        ("ce_dataschema", f"docs/events/{event.type.removeprefix(PREFIX)}.json"),
        ("content-type", "application/json"),
    ]
    if event.correlation_id:
        found.append(("ce_correlationid", event.correlation_id))
    if event.traceparent:
        found.append(("traceparent", event.traceparent))
    return [(name, value.encode()) for name, value in found]


def encode(event: Event) -> bytes:
    """The record's value: the JSON of `data`."""
    return event.data.model_dump_json(by_alias=True).encode()


def decode(
    key: bytes | None, value: bytes | None, raw_headers: Sequence[Header], upcasters: Upcasters = UPCASTERS
) -> Event:
    """The event in a record, brought up to its type's current version.

    Raises `Rejected` (`not_an_event`, `unknown_type`, `unknown_version`, `schema`, `key_mismatch`) naming everything
    wrong.
    """
    # Kafka allows a header without a value, whatever the type says.
    attributes = {name: content for name, content in raw_headers if name in _READ and content is not None}
    missing = [name for name in _REQUIRED if name not in attributes]
    if missing or value is None or key is None:
        lacking = missing + (["value"] if value is None else []) + (["key"] if key is None else [])
        raise Rejected("not_an_event", "missing " + ", ".join(lacking))
    try:
        text = {name: content.decode() for name, content in attributes.items()}
        event_id, time, event_key = uuid.UUID(text["ce_id"]), datetime.fromisoformat(text["ce_time"]), key.decode()
    except ValueError as wrong:
        raise Rejected("not_an_event", f"unreadable envelope: {wrong}") from wrong
    if time.tzinfo is None:
        raise Rejected("not_an_event", "unreadable envelope: ce_time has no offset")
    if not FIRST_DAY.year < time.year < LAST_DAY.year:
        raise Rejected("not_an_event", f"unreadable envelope: ce_time in the year {time.year}")
    spec = CATALOGUE.get(text["ce_type"])
    if spec is None:
        spec, value = upcast(text["ce_type"], value, upcasters)
    data = parse(spec, value)
    unit = getattr(data, "unit_id", None)
    if spec.keyed_by_unit and unit != event_key:
        raise Rejected("key_mismatch", f"key {event_key!r} is not the unit {unit!r}")
    return Event(
        event_id,
        spec.type,
        text["ce_source"],
        text["ce_subject"],
        time,
        event_key,
        data,
        text.get("ce_correlationid"),
        text.get("traceparent"),
    )


def parse(spec: EventType, value: bytes) -> BaseModel:
    """The typed data of a record's value. Raises `Rejected("schema")` with each path that is wrong."""
    try:
        return spec.model.model_validate_json(value)
    except ValidationError as wrong:
        found = "; ".join(
            f"/{'/'.join(str(part) for part in error['loc'])}: {error['msg']}"
            for error in wrong.errors(include_input=False)[:20]
        )
        raise Rejected("schema", found) from wrong
