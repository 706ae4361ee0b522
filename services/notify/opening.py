"""Stores new alerts. Those whose first message can leave at once are stored already claimed: the insert is the claim,
and one durable write less stands before the message.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from services.notify.claiming import Claims, Next
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

    async def store(self, opened: Sequence[Change]) -> list[Alert]:
        """The alerts that were not there yet, as they are stored. Raises `Unavailable`.

        One that somebody else has stored meanwhile is the same alert, from the same event, and theirs to tell.
        """
        now = self._now()
        with self._dispatcher.keeping_room(len(opened)) as room:
            first = [self._claims.first(change.alert) if place < room else None for place, change in enumerate(opened)]
            savings = [_saving(change, step, now) for change, step in zip(opened, first, strict=True)]
            silences, known = await asyncio.gather(self._silences.silences(now), self._alerts.insert(savings))
            new = [pair for pair in zip(savings, first, strict=True) if pair[0].alert.id not in known]
            for saving, step in new:
                claimed = step.claimed(saving.alert) if step else None
                if claimed is not None:
                    self._dispatcher.begin(claimed, silences)
        return [saving.alert for saving, _ in new]


def _saving(opened: Change, first: Next | None, now: datetime) -> Saving:
    """To store what an opened alert is once its first step is claimed or put off."""
    alert = first.change.alert if first else opened.alert
    events = (*opened.events, *first.change.events) if first else opened.events
    return Saving(alert, 0, enveloped(alert, events, now))
