"""Derived events: built from their cause, with computed ids. Called by the rules that assess and raise."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from shared.events.base import NAMESPACE, LogPosition
from shared.events.catalogue import by_model
from shared.events.envelope import Event

SOURCE = "keycounty/scoring"
M = TypeVar("M", bound=BaseModel)
_FIELDS: dict[type[BaseModel], set[str]] = {}
_SEED = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)
_CLEAR = ~(0xF000 << 64 | 0xC000 << 48)
_VERSION_5 = 5 << 76 | 0x8000 << 48


def built(model: type[M], values: dict[str, Any]) -> M:
    """A frozen model around values that already have its types: every field must be given.

    Validation would cost more than the fold itself; tests validate every kind of output instead.
    """
    made = model.__new__(model)
    put = object.__setattr__
    put(made, "__dict__", values)
    put(made, "__pydantic_fields_set__", _FIELDS.get(model) or _FIELDS.setdefault(model, set(model.model_fields)))
    put(made, "__pydantic_extra__", None)
    put(made, "__pydantic_private__", None)
    return made


def named(name: str) -> uuid.UUID:
    """UUIDv5 of a name in the product's namespace: the same as `uuid.uuid5`, at a third of its cost."""
    digest = _SEED.copy()
    digest.update(name.encode())
    return uuid.UUID(int=int.from_bytes(digest.digest()[:16]) & _CLEAR | _VERSION_5)


@dataclass(slots=True)
class Cause:
    """The event of the log that is folded, and where it stands."""

    id: uuid.UUID
    time: datetime
    correlation_id: str | None
    traceparent: str | None
    position: LogPosition

    @classmethod
    def of(cls, event: Event, partition: int, offset: int) -> "Cause":
        """The cause that an event is."""
        position = built(LogPosition, {"partition": partition, "offset": offset})
        return cls(event.id, event.time, event.correlation_id, event.traceparent, position)

    def event(self, data: BaseModel, subject: str, unit_id: str) -> Event:
        """The derived event: its id is UUIDv5 of (cause, type, subject), its time that of the cause."""
        type_ = by_model(type(data)).type
        id = named(f"{self.id}|{type_}|{subject}")
        return Event(id, type_, SOURCE, subject, self.time, unit_id, data, self.correlation_id, self.traceparent)
