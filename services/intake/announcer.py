"""Announces registry changes, round events and days, in order, under one lease. Run by wiring."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from services.intake.leases import ANNOUNCER, Leases
from services.intake.ports import RegistryStore
from services.intake.rules.announcing import Announcement, Change, announced, day_started, days_due, registry_event
from shared.bus import Publisher, Record, record_of
from shared.errors import Unavailable
from shared.events.envelope import make
from shared.registry import Registry
from shared.telemetry import log

SOURCE = "/keycounty/intake"
PAGE = 500
EVERY_S = 0.25
BATCH = 500


class Announcer:
    """Folds the changes a second time, up to what is announced: what follows from a change depends on the registry
    just before it.
    """

    def __init__(
        self, store: RegistryStore, publisher: Publisher, leases: Leases, now: Callable[[], datetime], zone: ZoneInfo
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._leases = leases
        self._now = now
        self._zone = zone
        self._registry = Registry()
        self._folded = 0
        self._days: dict[str, date] | None = None
        self._wake = asyncio.Event()
        self._stopping = False
        self._cursor = 0
        self._collected: list[Record] = []

    def cursor(self) -> int:
        """The last change that is announced, as far as this replica knows."""
        return self._cursor

    def changed(self) -> None:
        """The registry has changed: no need to wait for the next look."""
        self._wake.set()

    async def run(self) -> None:
        """Announces until stopped. Without the lease it only learns how far the one who has it came."""
        while not self._stopping:
            self._wake.clear()
            try:
                await self.step()
            except Unavailable as away:
                log("announcer").warning("announcing waits", error=str(away))
                await asyncio.sleep(min(1.0, away.retry_after_s))
            try:
                await asyncio.wait_for(self._wake.wait(), EVERY_S)
            except TimeoutError:
                continue

    async def step(self) -> None:
        """Changes first, then days, so that a round's first day follows its opening."""
        self._collected.clear()
        if not self._leases.holds(ANNOUNCER):
            self._cursor, self._days = await self._store.cursor(), None
            return
        self._cursor = max(self._cursor, await self._store.cursor()) if self._days is None else self._cursor
        await self._fold_to(self._cursor)
        while changes := await self._store.after(self._folded, PAGE):
            await self._announce(changes)
        await self._start_days()

    async def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def _fold_to(self, revision: int) -> None:
        if self._folded > revision:
            self._registry, self._folded = Registry(), 0
        while self._folded < revision:
            for change in await self._store.after(self._folded, min(PAGE, revision - self._folded)):
                self._fold(change)

    def _fold(self, change: Change) -> None:
        self._registry.apply(registry_event(change))
        self._folded = change.revision

    async def _announce(self, changes: Sequence[Change]) -> None:
        if not self._leases.holds(ANNOUNCER):
            raise Unavailable("store", "the announcer's lease is lost", 0.1)
        # Folded ahead of the cursor until both writes are done: after a failure `_fold_to` begins anew.
        for change in changes:
            found = list(announced(change, self._registry, self._zone))
            self._fold(change)
            await self._collect(found)
        await self._flush()
        await self._store.announced(changes[-1].revision)
        self._cursor = changes[-1].revision

    async def _start_days(self) -> None:
        if self._days is None:
            self._days = dict(await self._store.days())
        today = self._now().astimezone(self._zone).date()
        due = {unit: days_due(self._days.get(unit), today) for unit in self._units() if self._days.get(unit) != today}
        if not any(due.values()) or not self._leases.holds(ANNOUNCER):
            return
        await self._collect(day_started(unit, day, self._zone) for unit, days in due.items() for day in days)
        await self._flush()
        last = {unit: days[-1] for unit, days in due.items() if days}
        await self._store.set_days(last)
        self._days.update(last)

    def _units(self) -> Iterable[str]:
        # Findings outlive their round, and only scoring knows which are open: so every unit that was ever enrolled,
        # while it is registered.
        enrolled = {enrolment["unit_id"] for enrolment in self._registry.all("enrolments").values()}
        return sorted((enrolled | (self._days or {}).keys()) & self._registry.all("units").keys())

    async def _collect(self, found: Iterable[Announcement]) -> None:
        for each in found:
            self._collected.append(_record(each))
            if len(self._collected) >= BATCH:
                await self._flush()

    async def _flush(self) -> None:
        records, self._collected = self._collected, []
        if records:
            await self._publisher.publish(records)


def _record(found: Announcement) -> Record:
    event = make(
        found.data,
        id=found.id,
        source=SOURCE,
        subject=found.subject,
        time=found.time,
        key=found.key,
        correlation_id=found.correlation_id,
    )
    return record_of(event)
