"""Changes of alerts by compare-and-set, with the events that tell of them. Used by the stages."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from services.notify.ports import AlertStore, Saving
from services.notify.rules import steps
from services.notify.rules.alert import Alert, Change
from services.notify.rules.snapshots import enveloped
from services.notify.together import Together
from shared.errors import Unavailable

RETRY_SECONDS = 0.5


class Changing:
    """`published` is told when a stored change has events. `behind` is the turn of changes; a claim, which a message
    waits for, goes without.
    """

    def __init__(
        self, alerts: AlertStore, now: Callable[[], datetime], published: Callable[[], None], behind: asyncio.Lock
    ) -> None:
        self._alerts = alerts
        self._claims = Together(alerts.save_all)
        self._changes = Together(alerts.save_all, behind)
        self._now = now
        self._published = published

    async def insert(self, change: Change) -> bool:
        """Stores a new alert; False when there is one of its id."""
        alert = change.alert
        known = await self._alerts.insert([Saving(alert, 0, enveloped(alert, change.events, self._now()))])
        self._published()
        return not known

    async def get(self, id: str) -> Alert | None:
        return (await self._alerts.get([id])).get(id)

    async def claim(self, before: Alert, change: Change) -> Alert | None:
        """The alert as stored, None when somebody else has changed it since `before`."""
        return await self._saved(self._claims, before, change)

    async def change(self, alert: Alert, decide: Callable[[Alert], Change | None]) -> None:
        """Applies a change to the alert as it stands, again when somebody else was faster."""
        current: Alert | None = alert
        while current is not None:
            found = decide(current)
            if found is None or await self._saved(self._changes, current, found) is not None:
                return
            current = await self.get(alert.id)

    async def _saved(self, save: Together[Saving, bool], before: Alert, change: Change) -> Alert | None:
        after = change.alert.model_copy(update={"version": before.version + 1})
        events = enveloped(after, change.events, self._now())
        if not await save(Saving(after, before.version, events)):
            return None
        if events:
            self._published()
        return after


async def patiently(call: Callable[[], Awaitable[object]]) -> None:
    """What was sent is recorded as long as the lease may hold; after that the step's next owner repeats it.

    Raises `Unavailable` then.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + steps.LEASE.total_seconds()
    while True:
        try:
            await call()
        except Unavailable:
            if loop.time() > deadline:
                raise
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return
