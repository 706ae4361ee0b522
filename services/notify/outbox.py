"""Publishes the events that are stored beside alerts and silences, keeps them as history, then forgets them there."""

import asyncio
from collections.abc import Sequence
from time import monotonic

from services.notify.ports import Ledger, Outbox
from shared.bus import Publisher, record_of
from shared.errors import Unavailable
from shared.telemetry import log

AT_ONCE = 200
BACKSTOP_SECONDS = 2.0
GATHER_SECONDS = 0.1


class Relay:
    """A part of the service; several replicas may run one each: a repeat has the same ids."""

    def __init__(self, outboxes: Sequence[Outbox], ledger: Ledger, publisher: Publisher) -> None:
        self._outboxes = outboxes
        self._ledger = ledger
        self._publisher = publisher
        self._wake = asyncio.Event()
        self._stopping = False
        self._away_since: float | None = None
        self._log = log("outbox")

    def wake(self) -> None:
        """Something was stored with events."""
        self._wake.set()

    async def run(self) -> None:
        while not self._stopping:
            try:
                more = await self.drain()
                self._away_since = None
            except Unavailable as wrong:
                self._away_since = self._away_since or monotonic()
                self._log.warning("events wait", part=wrong.part, detail=wrong.detail)
                more = False
            if not more:
                await self._pause()

    async def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    def waiting_seconds(self) -> float:
        """For how long publishing has not worked."""
        return monotonic() - self._away_since if self._away_since is not None else 0.0

    async def drain(self) -> bool:
        """Publishes what is stored now; whether there may be more: there was as much as is taken at once."""
        self._wake.clear()
        more = False
        for outbox in self._outboxes:
            waiting = await outbox.unpublished(AT_ONCE)
            events = [event for owned in waiting.values() for event in owned]
            if events:
                await self._publisher.publish([record_of(event) for event in events])
                await self._ledger.append(events)
                await outbox.published(waiting)
                more = more or len(waiting) == AT_ONCE
        return more

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(BACKSTOP_SECONDS):
                await self._wake.wait()
            await asyncio.sleep(GATHER_SECONDS)
        except TimeoutError:
            pass
