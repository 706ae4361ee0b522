"""Finds alerts with a due step and sends them through the stages, so many at once; woken by whoever stores one."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any

from services.notify.claiming import Claimed
from services.notify.ports import AlertStore
from services.notify.rules.alert import Alert
from services.notify.rules.silences import Silence
from services.notify.rules.steps import LEASE
from services.notify.stages import Stages
from shared.errors import Unavailable
from shared.telemetry import log

POLL_SECONDS = 0.25
# A look at what is due costs as much as a claim: while alerts come and go, one in so long, not one for each.
BUSY_SECONDS = 0.2
LONGEST_SECONDS = 1.0
# For so long a due alert is left to the replica that comes first for it.
LEFT_FOR = timedelta(seconds=1)
AWAY_SECONDS = 1.0
# Alerts told, and not yet stored as told, take no place from the next, up to so many times `at_once` under way in all.
RECORDED_BEHIND = 4
STOP_SECONDS = 3.0


class Dispatcher:
    """A part of the service. `ready` says whether sending may begin (registry and replicas are known), `mine` whether
    this replica comes first for an alert.
    """

    def __init__(
        self,
        alerts: AlertStore,
        stages: Stages,
        now: Callable[[], datetime],
        at_once: int,
        ready: Callable[[], bool],
        mine: Callable[[str], bool],
    ) -> None:
        self._alerts = alerts
        self._stages = stages
        self._now = now
        self._at_once = at_once
        self._ready = ready
        self._mine = mine
        self._running: dict[str, asyncio.Task[None]] = {}
        self._telling: set[str] = set()
        self._waiting: dict[str, Alert] = {}
        self._kept_free = 0
        self._wake = asyncio.Event()
        self._stopping = False
        self._took_back = False
        self._bug: BaseException | None = None
        self._log = log("dispatch")
        self.oldest_due: datetime | None = None
        self._away_since: datetime | None = None
        self._looked_at = 0.0
        self._more = False

    def offer(self, alerts: Iterable[Alert]) -> None:
        """Alerts just stored with a due step; what has no room here is found in the store, by others too, and keeps
        what comes behind it from going first. Those of another replica are taken only while they can begin at once.
        """
        for alert in alerts:
            room = 2 * self._at_once if self._mine(alert.id) else self._room
            if not self._more and len(self._waiting) < room:
                self._waiting[alert.id] = alert
            else:
                self._more = True
        self._wake.set()

    @contextmanager
    def keeping_room(self, wanted: int) -> Generator[int]:
        """For how many of so many alerts there is room now; it is kept free for `begin` until the end of the block.
        What waits comes first, and one place is left to what is due meanwhile.
        """
        room = self._room - len(self._waiting) - (1 if self._at_once > 1 else 0)
        count = max(0, min(wanted, room)) if self._ready() and not self._stopping and not self._more else 0
        self._kept_free += count
        try:
            yield count
        finally:
            self._kept_free -= count
            self._wake.set()

    def has(self, id: str) -> bool:
        """Whether a step of this alert is under way here."""
        return id in self._running

    def begin(self, claimed: Claimed, silences: Sequence[Silence]) -> None:
        """Sends what was stored already claimed, unless it is silenced."""
        id = claimed.alert.id
        self._under_way(id, self._stages.send_first(claimed, silences, partial(self._told, id)))

    async def run(self) -> None:
        """Until `stop`. A bug in a stage ends it with that error."""
        while not self._stopping:
            await self._away_aware(self._round)
        if self._running:
            await asyncio.wait(self._running.values(), timeout=STOP_SECONDS)
        if self._bug is not None:
            raise self._bug

    async def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def check(self) -> str | None:
        """For health: due steps that nobody has taken for a minute."""
        late = self.overdue_seconds()
        return f"a due step has been waiting for {late:.0f} s" if late > 2 * LEASE.total_seconds() else None

    def overdue_seconds(self) -> float:
        """Since when the longest waiting step has been due and not taken; also for how long the store has been away."""
        now = self._now()
        waiting = [moment for moment in (self.oldest_due, self._away_since) if moment is not None]
        return max(((now - moment).total_seconds() for moment in waiting), default=0.0)

    async def _away_aware(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
            self._away_since = None
        except Unavailable as wrong:
            self._away_since = self._away_since or self._now()
            self._log.warning("store is away", detail=wrong.detail)
            await asyncio.sleep(AWAY_SECONDS)

    async def _round(self) -> None:
        self._wake.clear()
        if not self._ready():
            await self._pause()
            return
        if not self._took_back:
            await self._take_back()
        self._start()
        if self._worth_a_look():
            await self._look()
            self._start()
        if not self._waiting or self._room <= 0:
            await self._pause()

    async def _take_back(self) -> None:
        """Steps that an earlier life of this very replica had claimed are due at once, not at the end of its lease."""
        now = self._now()
        for alert in await self._alerts.due(now + LEASE, 10 * self._at_once):
            leased = alert.next_due is not None and alert.next_due > now
            if leased and self._stages.claims.due_step(alert, now) is not None:
                self._waiting[alert.id] = alert
        self._took_back = True

    def _worth_a_look(self) -> bool:
        since = monotonic() - self._looked_at
        if not self._waiting and self._room > 0:
            return self._more or since >= BUSY_SECONDS
        # A flood of new alerts must not keep what is due of the old ones waiting.
        return since > LONGEST_SECONDS

    async def _look(self) -> None:
        self._looked_at, self._more = monotonic(), False
        limit, most = 4 * self._at_once, 2 * self._at_once
        found = await self._alerts.due(self._now(), limit)
        self.oldest_due = found[0].next_due if found else None
        own = self._in_turn([alert for alert in found if alert.id not in self._running])
        self._more |= len(found) == limit or len(own) > most
        due = {alert.id: alert for alert in own[:most]}
        self._waiting = due | {id: alert for id, alert in self._waiting.items() if id not in due}

    def _in_turn(self, due: Sequence[Alert]) -> list[Alert]:
        """This replica's own, the oldest first; without any, what others have left waiting, from the end that they
        reach last.

        Replicas look at the same list: two that ran after the same alerts would lose half of their claims.
        """
        late = self._now() - LEFT_FOR
        own = [alert for alert in due if self._mine(alert.id)]
        return own or [alert for alert in reversed(due) if alert.next_due is not None and alert.next_due <= late]

    @property
    def running(self) -> list[asyncio.Task[None]]:
        """The steps under way."""
        return list(self._running.values())

    @property
    def _room(self) -> int:
        behind = RECORDED_BEHIND * self._at_once - len(self._running)
        return min(self._at_once - len(self._telling), behind) - self._kept_free

    def _start(self) -> None:
        for id in list(self._waiting)[: max(0, self._room)]:
            alert = self._waiting.pop(id)
            if id not in self._running:
                self._under_way(id, self._stages.work(alert, partial(self._told, id)))

    def _under_way(self, id: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._patient(id, work), name=f"alert {id}")
        self._running[id] = task
        self._telling.add(id)
        task.add_done_callback(partial(self._ended, id))

    async def _patient(self, id: str, work: Awaitable[None]) -> None:
        try:
            await work
        except Unavailable as wrong:
            self._log.warning("step not finished", alert=id, part=wrong.part, detail=wrong.detail)

    def _told(self, id: str) -> None:
        self._telling.discard(id)
        self._wake.set()

    def _ended(self, id: str, task: asyncio.Task[None]) -> None:
        self._running.pop(id, None)
        self._told(id)
        if not task.cancelled() and task.exception() is not None:
            self._bug, self._stopping = task.exception(), True

    async def _pause(self) -> None:
        seconds = BUSY_SECONDS if self._running else POLL_SECONDS
        try:
            async with asyncio.timeout(seconds * random.uniform(0.8, 1.2)):
                await self._wake.wait()
        except TimeoutError:
            pass
