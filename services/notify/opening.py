"""Stores new alerts. Those whose first message can leave at once are stored already claimed: the insert is the claim,
and one durable write less stands before the message.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from services.notify.claiming import Claims, Next
from services.notify.dispatch import Dispatcher
from services.notify.ports import AlertStore, Saving, SilenceStore
from services.notify.rules.alert import Alert, Change
from services.notify.rules.silences import Silence
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
            first = {change.alert.id: step for change in opened[:room] if (step := self._first(change)) is not None}
            savings = [_saving(change, first.get(change.alert.id), now) for change in opened]
            silences, known = await asyncio.gather(self._standing(first, now), self._alerts.insert(savings))
            new = [saving.alert for saving in savings if saving.alert.id not in known]
            for alert in (*new, *await self._stored_before(first.keys() & known)):
                claimed = first[alert.id].claimed(alert) if alert.id in first else None
                if claimed is not None:
                    self._dispatcher.begin(claimed, silences)
        return new

    def _first(self, opened: Change) -> Next | None:
        found = self._claims.first(opened.alert)
        # A claim that has something to tell, of a tier passed over, is a change with a version of its own.
        return None if found is None or found.change.events else found

    async def _standing(self, first: Mapping[str, Next], now: datetime) -> Sequence[Silence]:
        return await self._silences.silences(now) if first else ()

    async def _stored_before(self, known: Collection[str]) -> list[Alert]:
        """Of those that this replica had stored claimed in an earlier try, whose answer was lost, and has not begun."""
        asked = [id for id in known if not self._dispatcher.has(id)]
        found = (await self._alerts.get(asked)).values() if asked else ()
        return [alert for alert in found if self._claims.just_opened(alert)]


def _saving(opened: Change, first: Next | None, now: datetime) -> Saving:
    """To store an opened alert with its first step claimed or put off."""
    alert = first.change.alert if first else opened.alert
    return Saving(alert, 0, enveloped(alert, opened.events, now))
