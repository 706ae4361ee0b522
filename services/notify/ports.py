"""What notify asks of its store and of the channels; kept by stores/ and channels/, used by handlers and stages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from services.notify.rules.alert import Alert, Step
from services.notify.rules.deliveries import Delivery
from services.notify.rules.routing import Contact, Route
from services.notify.rules.silences import Silence
from services.notify.rules.timing import Terms
from shared.events.alerts import Severity
from shared.events.envelope import Event


@dataclass(frozen=True, slots=True)
class Saving:
    """A changed alert to store if its stored version is still `expected`, with the events that tell of the change."""

    alert: Alert
    expected: int
    events: Sequence[Event] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What a reader may see: None = no limit. Both limits hold together."""

    units: frozenset[str] | None = None
    enterprises: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts a list shows, newest first; `before` is the (opened_at, id) to go on after."""

    scope: Scope = field(default_factory=Scope)
    unit_id: str | None = None
    states: frozenset[str] = frozenset()
    severity: str | None = None
    drill: bool | None = None
    before: tuple[datetime, str] | None = None


class Outbox(Protocol):
    """Events that are stored beside what they tell of and not yet on the bus."""

    async def unpublished(self, limit: int) -> Mapping[str, Sequence[Event]]:
        """By owner's id, in order."""
        ...

    async def unpublished_of(self, owner: str) -> Sequence[Event]:
        """Those of one owner."""
        ...

    async def published(self, events: Mapping[str, Sequence[Event]]) -> None: ...


class AlertStore(Outbox, Protocol):
    """Alerts with their steps and unpublished events, one document each. Every method may raise `Unavailable`."""

    async def get(self, ids: Iterable[str]) -> dict[str, Alert]: ...

    async def insert(self, new: Sequence[Saving]) -> set[str]:
        """Stores alerts that do not exist yet; the ids of those that did."""
        ...

    async def save(self, saving: Saving) -> bool:
        """One atomic update; False when the alert has changed since `expected`."""
        ...

    async def save_all(self, savings: Sequence[Saving]) -> list[bool]:
        """`save` for several in one call: each is stored or not by itself."""
        ...

    async def due(self, now: datetime, limit: int) -> list[Alert]:
        """Alerts that need a worker, longest due first; its cost does not depend on the number of closed alerts."""
        ...

    async def find(self, wanted: AlertFilter, limit: int) -> list[Alert]: ...

    async def count(self, wanted: AlertFilter) -> int: ...

    async def unit_alert(self, unit_id: str, drill: bool) -> Severity | None:
        """The highest severity of the unit's own `unit.*` alerts that are not closed."""
        ...


class Ledger(Protocol):
    """Deliveries and the history of events, kept for ever."""

    async def record(self, delivery: Delivery) -> None:
        """Replaces the delivery of the same id."""
        ...

    async def record_all(self, deliveries: Sequence[Delivery]) -> None:
        """`record` for deliveries of different ids in one call."""
        ...

    async def delivery(self, id: str) -> Delivery | None: ...

    async def of_step(self, alert_id: str, step: str) -> list[Delivery]: ...

    async def deliveries(
        self, scope: Scope, alert_id: str | None, before: tuple[datetime, str] | None, limit: int
    ) -> list[Delivery]: ...

    async def append(self, events: Sequence[Event]) -> None:
        """Adds events to the history; one that is there already stays as it is."""
        ...

    async def history(self, alert_id: str) -> list[Event]:
        """Every event of an alert in order."""
        ...


class SilenceStore(Outbox, Protocol):
    """Silences; one that is over or deleted stays readable."""

    async def put(self, silence: Silence, events: Sequence[Event]) -> bool:
        """Stores it when its version is one above the stored one (1 when there is none)."""
        ...

    async def silence(self, id: str) -> Silence | None: ...

    async def silences(self, standing_at: datetime | None = None) -> list[Silence]:
        """All, or those not deleted that end after the moment."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """What one contact is told: an id that every repeat has, a text in its language, and the alert as JSON. Webhooks
    have no text, and mails alone have HTML.

    `ack_url` is the contact's own link; `state` the alert's state as the message says it.
    """

    id: str
    state: str
    subject: str
    text: str
    html: str
    payload: Mapping[str, object]
    ack_url: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Sent:
    """How an attempt ended; `again` is worth another one, after `retry_after` when the receiver said so."""

    outcome: Literal["delivered", "again", "failed"]
    detail: str
    retry_after: timedelta | None = None


class Channel(Protocol):
    """Sends one message to one contact (its target and secret readable). Never raises for what a receiver does."""

    async def send(self, contact: Contact, message: Message) -> Sent: ...


class Directory(Protocol):
    """Who is responsible for whom, and the terms of the moment."""

    def route(self, alert: Alert, now: datetime) -> Route:
        """The desks of an alert, lowest tier first; empty while its unit may still become known."""
        ...

    def route_of_unit(self, unit_id: str, now: datetime) -> Route:
        """The desks of a unit as far as they are known."""
        ...

    def terms(self) -> Terms: ...

    def unit_name(self, unit_id: str) -> dict[str, str]: ...


class Composer(Protocol):
    """Writes the message for one contact in its language."""

    def __call__(
        self, alert: Alert, step: Step, contact: Contact, id: str, now: datetime, also: Sequence[Alert] = ()
    ) -> Message:
        """`also`: further alerts that a digest names."""
        ...
