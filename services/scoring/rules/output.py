"""Derived events: their data ready for JSON, their ids computed from the cause. Made by the rules, published by the
worker.

The data are plain values rather than models because building models would cost more than the fold itself; tests hold
every kind
of output against its model, field by field.
"""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from pydantic import BaseModel

from services.scoring.rules.measures import Json
from shared.events.base import NAMESPACE
from shared.events.catalogue import CATALOGUE, by_model
from shared.events.envelope import Event, Header, headers

SOURCE = "keycounty/scoring"
_SEED = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)
_CLEAR = ~(0xF000 << 64 | 0xC000 << 48)
_VERSION_5 = 5 << 76 | 0x8000 << 48


def named(name: str) -> str:
    """UUIDv5 of a name in the product's namespace, as text: the same as `uuid.uuid5`, at less cost."""
    digest = _SEED.copy()
    digest.update(name.encode())
    text = f"{int.from_bytes(digest.digest()[:16]) & _CLEAR | _VERSION_5:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@dataclass(slots=True)
class Cause:
    """The event of the log that is folded, and where it stands. `at` is its time in UTC, as text."""

    id: uuid.UUID
    time: datetime
    at: str
    correlation_id: str | None
    traceparent: str | None
    position: Json

    @classmethod
    def of(cls, event: Event, partition: int, offset: int) -> "Cause":
        """The cause that an event is."""
        position = {"partition": partition, "offset": offset}
        return cls(event.id, event.time, instant(event.time), event.correlation_id, event.traceparent, position)


def instant(time: datetime) -> str:
    """RFC 3339 in UTC."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(slots=True)
class Derived:
    """An event to publish: type, data ready for JSON, subject, key (the unit) and cause."""

    type: str
    data: Json
    subject: str
    key: str
    cause: Cause

    @property
    def id(self) -> uuid.UUID:
        """UUIDv5 of (cause, type, subject): a repeated delivery repeats the same event."""
        return uuid.UUID(named(f"{self.cause.id}|{self.type}|{self.subject}"))

    @property
    def topic(self) -> str:
        """The topic without the deployment's prefix."""
        return CATALOGUE[self.type].topic

    @property
    def value(self) -> bytes:
        """The record's value: the JSON of the data."""
        return orjson.dumps(self.data)

    @property
    def headers(self) -> list[Header]:
        """The event's attributes as Kafka headers."""
        return headers(self._event(BaseModel()))

    def event(self) -> Event:
        """The typed event, for readers in the same process; validated."""
        return self._event(CATALOGUE[self.type].model.model_validate_json(self.value))

    def _event(self, data: BaseModel) -> Event:
        cause = self.cause
        return Event(
            self.id,
            self.type,
            SOURCE,
            self.subject,
            cause.time,
            self.key,
            data,
            cause.correlation_id,
            cause.traceparent,
        )


def type_of(model: type[BaseModel]) -> str:
    """The full type name of a kind of event."""
    return by_model(model).type
