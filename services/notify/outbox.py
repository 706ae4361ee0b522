"""Publishes the events that are stored beside alerts and silences, keeps them as history, then forgets them there."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from time import monotonic

from services.notify.ports import Ledger, Outbox
from shared.bus import Publisher, record_of
from shared.errors import Unavailable
from shared.events.envelope import Event
from shared.telemetry import log

AT_ONCE = 200
# Few go together, with a breath in between: what alerts write at that moment comes first. The more wait, the more go.
FEWEST, SHARE = 4, 5
BREATH_SECONDS = 0.03
BACKSTOP_SECONDS = 2.0
# Long enough that an alert's opening and its first delivery mostly go together: taking events out costs a write.
GATHER_SECONDS = 0.5
# For so long events are left to the replica that comes first for their alert.
LEFT_FOR = timedelta(seconds=2)


class Relay:
    """A part of the service; each replica runs one, and publishes what is its own (`mine`) or what others have left. A
    repeat has the same ids. `behind` is its turn at the store, for reads too, as in the stages.
    """

    def __init__(
        self,
        outboxes: Sequence[Outbox],
        ledger: Ledger,
        publisher: Publisher,
        now: Callable[[], datetime],
        mine: Callable[[str], bool],
        behind: asyncio.Lock,
    ) -> None:
        self._outboxes = outboxes
        self._ledger = ledger
        self._publisher = publisher
        self._now = now
        self._mine = mine
        self._behind = behind
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
        """Publishes what is stored now; whether there may be more: some was, of as much as is looked at in one go."""
        self._wake.clear()
        more = False
        for outbox in self._outboxes:
            async with self._behind:
                waiting = await outbox.unpublished(AT_ONCE)
            taken = list(self._taken(waiting).items())
            more = more or (len(waiting) == AT_ONCE and bool(taken))
            together = max(FEWEST, len(taken) // SHARE)
            for begin in range(0, len(taken), together):
                await self._publish(outbox, dict(taken[begin : begin + together]))
                await asyncio.sleep(BREATH_SECONDS)
        return more

    async def _publish(self, outbox: Outbox, some: Mapping[str, Sequence[Event]]) -> None:
        events = [event for owned in some.values() for event in owned]
        await self._publisher.publish([record_of(event) for event in events])
        async with self._behind:
            await self._ledger.append(events)
        async with self._behind:
            await outbox.published(some)

    def _taken(self, waiting: Mapping[str, Sequence[Event]]) -> dict[str, Sequence[Event]]:
        late = self._now() - LEFT_FOR
        return {id: events for id, events in waiting.items() if self._mine(id) or events[0].time <= late}

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(BACKSTOP_SECONDS):
                await self._wake.wait()
            await asyncio.sleep(GATHER_SECONDS)
        except TimeoutError:
            pass
