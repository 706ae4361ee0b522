"""Announces the end of silences: the unit's answering tier hears of it an hour before what was held back goes out."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from services.notify.ports import AlertStore, Saving, SilenceStore
from services.notify.rules.silences import ending, notice
from services.notify.rules.snapshots import enveloped
from shared.errors import Unavailable

EVERY_SECONDS = 20.0


class Notices:
    """A part of the service; safe in several replicas, for the notice's alert has a computed id."""

    def __init__(
        self, alerts: AlertStore, silences: SilenceStore, now: Callable[[], datetime], stored: Callable[[], None]
    ) -> None:
        self._alerts = alerts
        self._silences = silences
        self._now = now
        self._stored = stored
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.announce()
            except Unavailable:
                # The next round comes soon enough.
                pass
            try:
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._stopping.wait()
            except TimeoutError:
                pass

    async def stop(self) -> None:
        self._stopping.set()

    async def announce(self) -> int:
        """Stores a notice for each silence that ends soon; how many."""
        now = self._now()
        due = [silence for silence in await self._silences.silences(now) if ending(silence, now)]
        for silence in due:
            change = notice(silence, now)
            await self._alerts.insert([Saving(change.alert, 0, enveloped(change.alert, change.events, now))])
            noticed = silence.model_copy(update={"noticed": True, "version": silence.version + 1})
            await self._silences.put(noticed, ())
        if due:
            self._stored()
        return len(due)
