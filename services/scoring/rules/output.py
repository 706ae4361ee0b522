"""Derived events: their data as JSON, their ids computed from the cause. Made by the rules, published by the worker.

The data are plain values rather than models because building models would cost more than the fold itself; tests hold
every kind of output against its model, field by field. They become JSON at once: what a batch keeps is then a few
bytes objects, not thousands of dicts that the garbage collector visits again and again.
"""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from pydantic import BaseModel

from services.scoring.rules.measures import Json
from shared.events.base import NAMESPACE
from shared.events.catalogue import CATALOGUE, PREFIX, by_model
from shared.events.envelope import SPECVERSION, Event, Header

SOURCE = "keycounty/scoring"
SPEC: Header = ("ce_specversion", SPECVERSION.encode())
# Of each type the headers that never change: those before the time, those after the subject.
CONSTANT: dict[str, tuple[tuple[Header, ...], tuple[Header, ...]]] = {
    name: (
        (("ce_source", SOURCE.encode()), ("ce_type", name.encode())),
        (
            ("ce_dataschema", f"docs/events/{name.removeprefix(PREFIX)}.json".encode()),
            ("content-type", b"application/json"),
        ),
    )
    for name in CATALOGUE
}
_SEED = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)
# The hexadecimal digit whose upper two bits say RFC 4122, by the one that the digest has there.
_VARIANT = {f"{digit:x}": f"{digit & 0b0011 | 0b1000:x}" for digit in range(16)}


def named(name: str) -> str:
    """UUIDv5 of a name in the product's namespace, as text: the same as `uuid.uuid5`, at less cost."""
    digest = _SEED.copy()
    digest.update(name.encode())
    text = digest.hexdigest()
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


@dataclass(slots=True)
class Cause:
    """The event of the log that is folded, and where it stands. `at` is its time in UTC, as text."""

    id: str
    time: datetime
    at: str
    correlation_id: str | None
    traceparent: str | None
    position: Json

    @classmethod
    def of(cls, event: Event, partition: int, offset: int) -> "Cause":
        """The cause that an event is."""
        position = {"partition": partition, "offset": offset}
        return cls(str(event.id), event.time, instant(event.time), event.correlation_id, event.traceparent, position)

    @property
    def trace(self) -> list[Header]:
        """The headers that every event takes over from its cause."""
        found = [("ce_correlationid", self.correlation_id), ("traceparent", self.traceparent)]
        return [(name, text.encode()) for name, text in found if text]


def instant(time: datetime) -> str:
    """RFC 3339 in UTC."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(slots=True)
class Derived:
    """An event to publish: type, the record's value (JSON of the data), subject, key (the unit) and cause."""

    type: str
    value: bytes
    subject: str
    key: str
    cause: Cause

    @property
    def id(self) -> str:
        """UUIDv5 of (cause, type, subject): a repeated delivery repeats the same event."""
        return named(f"{self.cause.id}|{self.type}|{self.subject}")

    @property
    def topic(self) -> str:
        """The topic without the deployment's prefix."""
        return CATALOGUE[self.type].topic

    @property
    def headers(self) -> tuple[Header, ...]:
        """The event's attributes as Kafka headers: the same as `shared.events.envelope.headers`, at less cost."""
        before, between = CONSTANT[self.type]
        return (
            SPEC,
            ("ce_id", self.id.encode()),
            *before,
            ("ce_time", self.cause.at.encode()),
            ("ce_subject", self.subject.encode()),
            *between,
            *self.cause.trace,
        )

    def event(self) -> Event:
        """The typed event, for readers in the same process; validated."""
        cause = self.cause
        return Event(
            uuid.UUID(self.id),
            self.type,
            SOURCE,
            self.subject,
            cause.time,
            self.key,
            CATALOGUE[self.type].model.model_validate_json(self.value),
            cause.correlation_id,
            cause.traceparent,
        )


def derived(type_: str, data: Json, subject: str, key: str, cause: Cause) -> Derived:
    """The event around data ready for JSON."""
    return Derived(type_, orjson.dumps(data), subject, key, cause)


def type_of(model: type[BaseModel]) -> str:
    """The full type name of a kind of event."""
    return by_model(model).type
