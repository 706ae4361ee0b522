"""Publishes how many submissions were accepted and published, per shard: reporting shows from it that none is missing.

Counted from scratch only when a shard is taken over; from then on what the outbox published is added, and what
waits is looked up.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from services.intake.envelopes import SOURCE
from services.intake.leases import SHARD_NAMES, Leases
from services.intake.metering import IntakeMetrics
from services.intake.outbox import Outbox
from services.intake.ports import SubmissionStore, Tally, Waiting
from services.intake.records import rfc3339
from shared.bus import Publisher, Record, record_of
from shared.errors import Unavailable
from shared.events.base import name_id
from shared.events.envelope import make
from shared.events.registry import RegistryPut
from shared.telemetry import log

EVERY_S = 10.0


class Counter:
    """Run by wiring."""

    def __init__(
        self,
        store: SubmissionStore,
        publisher: Publisher,
        leases: Leases,
        outbox: Outbox,
        now: Callable[[], datetime],
        metrics: IntakeMetrics,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._leases = leases
        self._outbox = outbox
        self._now = now
        self._metrics = metrics
        self._base: dict[int, int] = {}
        self._told: dict[int, Tally] = {}
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Counts every ten seconds until stopped."""
        while not self._stopping.is_set():
            try:
                await self.step()
            except Unavailable as away:
                log("counter").warning("counting waits", error=str(away))
            try:
                await asyncio.wait_for(self._stopping.wait(), EVERY_S)
            except TimeoutError:
                continue

    async def step(self) -> None:
        """Counts the held shards and tells what changed."""
        shards = self._leases.shards()
        self._metrics.shards.set(len(shards))
        self._base = {shard: count for shard, count in self._base.items() if shard in shards}
        self._told = {shard: tally for shard, tally in self._told.items() if shard in shards}
        if not shards:
            return
        await self._take_over(shards - self._base.keys())
        tallies, waiting = await self._tallies(shards)
        changed = {shard: tally for shard, tally in tallies.items() if self._told.get(shard) != tally}
        await self._publisher.publish([self._record(shard, tally, waiting) for shard, tally in changed.items()])
        self._told = tallies
        self._measure(waiting)

    async def stop(self) -> None:
        self._stopping.set()

    async def _take_over(self, shards: frozenset[int] | set[int]) -> None:
        if not shards:
            return
        # A shard is taken over in a moment when nothing of it is being marked, or the mark would count twice.
        quiet = {shard: self._outbox.published[shard] for shard in shards if self._outbox.settled(shard)}
        tallies = await self._store.tally(quiet)
        for shard, before in quiet.items():
            if self._outbox.settled(shard) and self._outbox.published[shard] == before:
                self._base[shard] = tallies[shard].published - before

    async def _tallies(self, shards: frozenset[int]) -> tuple[dict[int, Tally], Mapping[int, Waiting]]:
        before, waiting = dict(self._outbox.published), await self._store.waiting(shards)
        for _ in range(5):
            if before == dict(self._outbox.published):
                break
            before, waiting = dict(self._outbox.published), await self._store.waiting(shards)
        tallies: dict[int, Tally] = {}
        for shard in self._base:
            published = self._base[shard] + before.get(shard, 0)
            tallies[shard] = Tally(published + (waiting[shard].count if shard in waiting else 0), published)
        return tallies, waiting

    def _measure(self, waiting: Mapping[int, Waiting]) -> None:
        self._metrics.waiting.set(sum(each.count for each in waiting.values()))
        oldest = min((each.oldest for each in waiting.values()), default=None)
        self._metrics.oldest_s.set(0 if oldest is None else max(0.0, (self._now() - oldest).total_seconds()))

    def _record(self, shard: int, tally: Tally, waiting: Mapping[int, Waiting]) -> Record:
        at, name = self._now(), SHARD_NAMES[shard]
        revision = int(at.timestamp() * 1000)
        counts = {
            "shard": shard,
            "accepted": tally.accepted,
            "published": tally.published,
            "oldest_unpublished_at": rfc3339(waiting[shard].oldest) if shard in waiting else None,
        }
        data = RegistryPut(kind="counts", id=name, revision=revision, object=counts, updated_at=at)
        key = f"counts/{name}"
        event = make(data, id=name_id("counts", name, str(revision)), source=SOURCE, subject=key, time=at, key=key)
        return record_of(event)
