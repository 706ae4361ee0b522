"""Notify's store in memory: for tests and the state machine; same contract as the one in MongoDB."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from services.notify.ports import AlertFilter, Saving, Scope
from services.notify.rules.alert import SEVERITIES, Alert
from services.notify.rules.deliveries import Delivery
from services.notify.rules.silences import Silence
from shared.events.alerts import Severity
from shared.events.envelope import Event


class _Pending:
    """Events not yet published, by owner."""

    def __init__(self) -> None:
        self.pending: dict[str, list[Event]] = {}

    def add(self, owner: str, events: Sequence[Event]) -> None:
        if events:
            self.pending.setdefault(owner, []).extend(events)

    async def unpublished(self, limit: int) -> Mapping[str, Sequence[Event]]:
        return {owner: tuple(events) for owner, events in list(self.pending.items())[:limit]}

    async def unpublished_of(self, owner: str) -> Sequence[Event]:
        return tuple(self.pending.get(owner, ()))

    async def published(self, events: Mapping[str, Sequence[Event]]) -> None:
        for owner, done in events.items():
            ids = {event.id for event in done}
            left = [event for event in self.pending.pop(owner, ()) if event.id not in ids]
            self.add(owner, left)


class MemoryAlertStore(_Pending):
    """Implements `AlertStore`."""

    def __init__(self) -> None:
        super().__init__()
        self.alerts: dict[str, Alert] = {}

    async def get(self, ids: Iterable[str]) -> dict[str, Alert]:
        return {id: self.alerts[id] for id in ids if id in self.alerts}

    async def insert(self, new: Sequence[Saving]) -> set[str]:
        known = {saving.alert.id for saving in new} & self.alerts.keys()
        for saving in new:
            if saving.alert.id not in known:
                self.alerts[saving.alert.id] = saving.alert
                self.add(saving.alert.id, saving.events)
        return known

    async def save(self, saving: Saving) -> bool:
        known = self.alerts.get(saving.alert.id)
        if known is None or known.version != saving.expected:
            return False
        self.alerts[saving.alert.id] = saving.alert
        self.add(saving.alert.id, saving.events)
        return True

    async def save_all(self, savings: Sequence[Saving]) -> list[bool]:
        return [await self.save(saving) for saving in savings]

    async def due(self, now: datetime, limit: int) -> list[Alert]:
        found = [alert for alert in self.alerts.values() if alert.next_due is not None and alert.next_due <= now]
        return sorted(found, key=lambda alert: (alert.next_due, alert.id))[:limit]

    async def find(self, wanted: AlertFilter, limit: int) -> list[Alert]:
        found = [alert for alert in self.alerts.values() if _fits(alert, wanted)]
        return sorted(found, key=lambda alert: (alert.opened_at, alert.id), reverse=True)[:limit]

    async def count(self, wanted: AlertFilter) -> int:
        return sum(_fits(alert, wanted) for alert in self.alerts.values())

    async def unit_alert(self, unit_id: str, drill: bool) -> Severity | None:
        found = [
            alert.severity
            for alert in self.alerts.values()
            if alert.unit_id == unit_id
            and alert.kind.startswith("unit.")
            and alert.state != "closed"
            and alert.drill == drill
        ]
        return max(found, key=SEVERITIES.index, default=None)


def _fits(alert: Alert, wanted: AlertFilter) -> bool:
    return (
        _in_scope(alert.unit_id, alert.enterprise_id, wanted.scope)
        and wanted.unit_id in (None, alert.unit_id)
        and (not wanted.states or alert.state in wanted.states)
        and wanted.severity in (None, alert.severity)
        and wanted.drill in (None, alert.drill)
        and (wanted.before is None or (alert.opened_at, alert.id) < wanted.before)
    )


def _in_scope(unit_id: str, enterprise_id: str | None, scope: Scope) -> bool:
    return (scope.units is None or unit_id in scope.units) and (
        scope.enterprises is None or enterprise_id in scope.enterprises
    )


class MemoryLedger:
    """Implements `Ledger`."""

    def __init__(self) -> None:
        self.by_id: dict[str, Delivery] = {}
        self.events: dict[str, Event] = {}

    async def record(self, delivery: Delivery) -> None:
        self.by_id[delivery.id] = delivery

    async def record_all(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            await self.record(delivery)

    async def delivery(self, id: str) -> Delivery | None:
        return self.by_id.get(id)

    async def of_step(self, alert_id: str, step: str) -> list[Delivery]:
        return [found for found in self.by_id.values() if found.alert_id == alert_id and found.step == step]

    async def deliveries(
        self, scope: Scope, alert_id: str | None, before: tuple[datetime, str] | None, limit: int
    ) -> list[Delivery]:
        found = [
            delivery
            for delivery in self.by_id.values()
            if _in_scope(delivery.unit_id, delivery.enterprise_id, scope)
            and alert_id in (None, delivery.alert_id)
            and (before is None or (delivery.at, delivery.id) < before)
        ]
        return sorted(found, key=lambda delivery: (delivery.at, delivery.id), reverse=True)[:limit]

    async def append(self, events: Sequence[Event]) -> None:
        for event in events:
            self.events.setdefault(str(event.id), event)

    async def history(self, alert_id: str) -> list[Event]:
        return sorted((event for event in self.events.values() if event.subject == alert_id), key=in_order)


class MemorySilences(_Pending):
    """Implements `SilenceStore`."""

    def __init__(self) -> None:
        super().__init__()
        self.by_id: dict[str, Silence] = {}

    async def put(self, silence: Silence, events: Sequence[Event]) -> bool:
        known = self.by_id.get(silence.id)
        if silence.version != (known.version if known else 0) + 1:
            return False
        self.by_id[silence.id] = silence
        self.add(silence.id, events)
        return True

    async def silence(self, id: str) -> Silence | None:
        return self.by_id.get(id)

    async def silences(self, standing_at: datetime | None = None) -> list[Silence]:
        return [
            silence
            for _, silence in sorted(self.by_id.items())
            if standing_at is None or (not silence.deleted and silence.to > standing_at)
        ]


class MemoryBeats:
    """Implements `Beats`."""

    def __init__(self) -> None:
        self.last: dict[str, datetime] = {}

    async def beat(self, instance: str, at: datetime, alive_since: datetime) -> Sequence[str]:
        self.last[instance] = at
        return [name for name, last in self.last.items() if last >= alive_since]


def in_order(event: Event) -> tuple[datetime, int]:
    """Events of one alert: by time, then by the alert's version (deliveries after the change that sent them)."""
    return event.time, getattr(event.data, "version", 1 << 30)
