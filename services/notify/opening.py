"""Stores new alerts. Those whose first message can leave at once are stored already claimed: the insert is the claim,
and one durable write less stands before the message.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from services.notify.claiming import Claimed, Claims, Next
from services.notify.dispatch import Dispatcher
from services.notify.ports import AlertStore, Saving, SilenceStore
from services.notify.rules.alert import Alert, Change
from services.notify.rules.snapshots import enveloped


class Opening:
    """Used by the handlers. A replica that dies after the insert leaves a lease that ends, as after any other claim."""

    def __init__(
        self,
        alerts: AlertStore,
        silences: SilenceStore,
        claims: Claims,
        dispatcher: Dispatcher,
        now: Callable[[], datetime],
    ) -> None:
        self._alerts = alerts
        self._silences = silences
        self._claims = claims
        self._dispatcher = dispatcher
        self._now = now

    async def store(self, opened: Sequence[Change], *, begin: bool) -> list[Alert]:
        """The alerts that were not there yet, as they are stored. Raises `Unavailable`.

        `begin`: their first messages may leave. One that somebody else has stored meanwhile is the same alert, from the
        same event, and theirs to tell.
        """
        now = self._now()
        with self._dispatcher.keeping_room(len(opened) if begin else 0) as room:
            first = [self._first(change) if place < room else None for place, change in enumerate(opened)]
            savings = [_saving(change, step, now) for change, step in zip(opened, first, strict=True)]
            silences, known = await asyncio.gather(self._silences.silences(now), self._alerts.insert(savings))
            claimed = await self._claimed(savings, first, known)
            for found in claimed:
                self._dispatcher.begin(found, silences)
        return [saving.alert for saving in savings if saving.alert.id not in known]

    def _first(self, opened: Change) -> Next | None:
        found = self._claims.first(opened.alert)
        # A claim that has something to tell, of a tier passed over, is a change with a version of its own.
        return None if found is None or found.change.events else found

    async def _claimed(
        self, savings: Sequence[Saving], first: Sequence[Next | None], known: Collection[str]
    ) -> list[Claimed]:
        """Those that are this replica's to send: also of an earlier try, stored although its answer was lost."""
        wanted = {saving.alert.id: step for saving, step in zip(savings, first, strict=True) if step is not None}
        stored = {saving.alert.id: saving.alert for saving in savings if saving.alert.id not in known}
        before = [id for id in wanted if id in known and not self._dispatcher.has(id)]
        earlier = (await self._alerts.get(before)).values() if before else ()
        stored |= {alert.id: alert for alert in earlier if self._claims.just_opened(alert)}
        found = [step.claimed(stored[id]) for id, step in wanted.items() if id in stored]
        return [claimed for claimed in found if claimed is not None]


def _saving(opened: Change, first: Next | None, now: datetime) -> Saving:
    """To store an opened alert with its first step claimed or put off."""
    alert = first.change.alert if first else opened.alert
    return Saving(alert, 0, enveloped(alert, opened.events, now))
