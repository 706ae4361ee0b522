"""One function per hazard event and per use case of the API: load, decide, store. Nothing is published from here; the
events are stored with the alert and leave through the outbox.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from services.notify.ports import AlertStore, Directory, Saving
from services.notify.rules import answers, hazards
from services.notify.rules.alert import Alert, Change
from services.notify.rules.silences import Silence
from services.notify.rules.snapshots import SOURCE, enveloped
from shared.bus import Delivery
from shared.events.alerts import SilencePut
from shared.events.base import name_id
from shared.events.envelope import Event, make
from shared.events.hazards import HazardCleared, HazardRaised

Decide = Callable[[Alert], Change]


class Handlers:
    """`stored` is told of every alert that was changed, so that its due step and its events leave at once."""

    def __init__(
        self,
        alerts: AlertStore,
        directory: Directory,
        now: Callable[[], datetime],
        stored: Callable[[Iterable[Alert]], None] = lambda _: None,
    ) -> None:
        self.alerts = alerts
        self.directory = directory
        self.now = now
        self.stored = stored

    async def on_hazards(self, batch: Sequence[tuple[Delivery, Event]]) -> Sequence[Event]:
        """A batch of `hazards.v1` in order. Its alerts and their steps are stored when this returns."""
        ids = {str(event.data.hazard_id) for _, event in batch if isinstance(event.data, HazardRaised | HazardCleared)}
        known = await self.alerts.get(ids)
        new: dict[str, Saving] = {}
        changed: list[Alert] = []
        for _, event in batch:
            await self._on_hazard(event, known, new, changed)
        changed += await self._insert(new)
        self.stored(changed)
        return ()

    async def acknowledge(
        self, id: str, by: str, note: str, channel: str, promise_by: datetime | None
    ) -> tuple[Alert, tuple[str, ...]] | None:
        """The alert with its promise, and the ids of steps claimed before. None without such an alert. `Refused`."""
        claimed: tuple[str, ...] = ()

        def decide(alert: Alert) -> Change:
            nonlocal claimed
            change, claimed = answers.acknowledged(
                alert, by, note, channel, promise_by, self.directory.terms(), self.now()
            )
            return change

        found = await self.change(id, decide)
        return None if found is None else (found, claimed)

    async def close(self, id: str, by: str, reason: str) -> Alert | None:
        """Closed by hand. None without such an alert. Raises `Refused`."""
        return await self.change(id, lambda alert: answers.closed(alert, by, reason, self.now()))

    async def reopen(self, id: str, by: str, reason: str) -> Alert | None:
        """Open again by hand. None without such an alert. Raises `Refused`."""
        return await self.change(
            id, lambda alert: answers.reopened(alert, by, reason, self.directory.terms(), self.now())
        )

    async def change(self, id: str, decide: Decide) -> Alert | None:
        """Applies a decision to the alert as it stands, in one atomic update; again when somebody else was faster."""
        while True:
            alert = (await self.alerts.get([id])).get(id)
            if alert is None:
                return None
            saving = self._saving(alert, decide(alert))
            if await self.alerts.save(saving):
                self.stored([saving.alert])
                return saving.alert

    async def _on_hazard(
        self, event: Event, known: dict[str, Alert], new: dict[str, Saving], changed: list[Alert]
    ) -> None:
        data = event.data
        if not isinstance(data, HazardRaised | HazardCleared):
            return
        id = str(data.hazard_id)
        if id not in known and id not in new:
            # A clearing of what never had an alert has nothing to end.
            if isinstance(data, HazardRaised):
                new[id] = self._opening(data, event.correlation_id)
            return
        if id in new:
            # Both in one batch: the first goes into the store before the second is looked at.
            changed += await self._insert({id: new.pop(id)})
            known |= await self.alerts.get([id])
        if not hazards.is_newer(known[id].position, data.log_position):
            return
        found = await self.change(id, lambda alert: self._decide(alert, data))
        if found is not None:
            known[id] = found
            changed.append(found)

    def _decide(self, alert: Alert, data: HazardRaised | HazardCleared) -> Change:
        if not hazards.is_newer(alert.position, data.log_position):
            return Change(alert)
        if isinstance(data, HazardCleared):
            return hazards.cleared(alert, data, self.now())
        name = self.directory.unit_name(data.unit_id)
        return hazards.updated(alert, data, name, self.directory.terms(), self.now())

    def _opening(self, data: HazardRaised, correlation_id: str | None) -> Saving:
        now, name = self.now(), self.directory.unit_name(data.unit_id)
        route = self.directory.route_of_unit(data.unit_id, now)
        change = hazards.opened(data, name, route, self.directory.terms(), now)
        alert = change.alert.model_copy(update={"correlation_id": correlation_id})
        return Saving(alert, 0, enveloped(alert, change.events, now))

    async def _insert(self, new: dict[str, Saving]) -> list[Alert]:
        """Stores new alerts. One that somebody else stored meanwhile is the same alert, from the same event."""
        known = await self.alerts.insert(list(new.values())) if new else set()
        return [saving.alert for id, saving in new.items() if id not in known]

    def _saving(self, before: Alert, change: Change) -> Saving:
        after = change.alert.model_copy(update={"version": before.version + 1})
        return Saving(after, before.version, enveloped(after, change.events, self.now()))


def silence_events(silence: Silence, now: datetime) -> list[Event]:
    """The event that tells of a silence as it now stands; its id comes of the silence and its version."""
    data = SilencePut(
        silence_id=silence.id,
        unit_id=silence.unit_id,
        matcher=silence.matcher.model_dump(exclude_none=True) | {"planned_shutdown": silence.planned_shutdown},
        reason=silence.reason,
        from_=silence.from_,
        to=silence.to,
        by=silence.by,
        deleted=silence.deleted,
    )
    key, id = silence.unit_id or silence.id, name_id("silence.put", silence.id, str(silence.version))
    return [make(data, id=id, source=SOURCE, subject=silence.id, time=now, key=key)]
