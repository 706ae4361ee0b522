"""One function per hazard event and per use case of the API: load, decide, store. Nothing is published from here; the
events are stored with the alert and leave through the outbox.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

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


class StoreNew(Protocol):
    """Stores new alerts, and answers those that were not there yet; `begin`: their first messages may leave."""

    async def __call__(self, opened: Sequence[Change], *, begin: bool) -> list[Alert]: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What an event says of a hazard."""

    data: HazardRaised | HazardCleared
    correlation_id: str | None


class Handlers:
    """`stored` is told of every alert that was changed, so that its due step and its events leave at once."""

    def __init__(
        self,
        alerts: AlertStore,
        directory: Directory,
        now: Callable[[], datetime],
        store_new: StoreNew,
        stored: Callable[[Iterable[Alert]], None] = lambda _: None,
    ) -> None:
        self.alerts = alerts
        self.directory = directory
        self.now = now
        self.store_new = store_new
        self.stored = stored

    async def on_hazards(self, batch: Sequence[tuple[Delivery, Event]]) -> Sequence[Event]:
        """A batch of `hazards.v1`, each alert's in order. Alerts and their steps are stored when this returns."""
        heard = _by_alert(batch)
        # Most are new: that an alert is there already shows when it is stored, and is not asked before. One that the
        # batch says more of is not told before all is heard.
        alone = [found[0] for found in heard.values() if len(found) == 1 and type(found[0].data) is HazardRaised]
        new = await self.store_new([self._opening(one) for one in alone], begin=True)
        opened = {alert.id for alert in new}
        rest = {id: found for id, found in heard.items() if id not in opened}
        known = await self.alerts.get(rest) if rest else {}
        for id, found in rest.items():
            alert = known.get(id)
            for one in found:
                alert = await self._follow(alert, one) or alert
            new += [alert] if alert is not None and id not in known else []
        self.stored(new)
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

    async def _follow(self, alert: Alert | None, heard: Heard) -> Alert | None:
        """The alert when this has opened or changed it."""
        if alert is None:
            # A clearing of what never had an alert has nothing to end.
            return await self._opened(heard) if isinstance(heard.data, HazardRaised) else None
        if not hazards.is_newer(alert.position, heard.data.log_position):
            return None
        return await self.change(alert.id, lambda current: self._decide(current, heard.data))

    async def _opened(self, heard: Heard) -> Alert | None:
        """As it is stored now, by this replica or meanwhile by another."""
        await self.store_new([self._opening(heard)], begin=False)
        id = str(heard.data.hazard_id)
        return (await self.alerts.get([id])).get(id)

    def _decide(self, alert: Alert, data: HazardRaised | HazardCleared) -> Change:
        if not hazards.is_newer(alert.position, data.log_position):
            return Change(alert)
        if isinstance(data, HazardCleared):
            return hazards.cleared(alert, data, self.now())
        name = self.directory.unit_name(data.unit_id)
        return hazards.updated(alert, data, name, self.directory.terms(), self.now())

    def _opening(self, heard: Heard) -> Change:
        data, now = heard.data, self.now()
        assert isinstance(data, HazardRaised)
        name, route = self.directory.unit_name(data.unit_id), self.directory.route_of_unit(data.unit_id, now)
        return hazards.opened(data, name, route, self.directory.terms(), now, heard.correlation_id)

    def _saving(self, before: Alert, change: Change) -> Saving:
        after = change.alert.model_copy(update={"version": before.version + 1})
        return Saving(after, before.version, enveloped(after, change.events, self.now()))


def _by_alert(batch: Sequence[tuple[Delivery, Event]]) -> dict[str, list[Heard]]:
    found: defaultdict[str, list[Heard]] = defaultdict(list)
    for _, event in batch:
        if isinstance(event.data, HazardRaised | HazardCleared):
            found[str(event.data.hazard_id)].append(Heard(event.data, event.correlation_id))
    return found


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
