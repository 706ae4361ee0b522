"""Keeps this replica's share of the leases: the shards of units, and the registry's announcer. Asked by outbox and
announcer before each step.
"""

import asyncio
import math
import time
from collections.abc import Callable

from services.intake.ports import LeaseStore
from services.intake.records import SHARDS
from shared.errors import Unavailable
from shared.telemetry import log

ANNOUNCER = "announcer"
SHARD_NAMES = tuple(f"shard-{number}" for number in range(SHARDS))
NAMES = (ANNOUNCER, *SHARD_NAMES)
TTL_S = 5.0
EVERY_S = 1.0
MARGIN_S = 1.0


class Leases:
    """A lease is trusted for its time less a margin, counted from before it was asked for, by this process's monotonic
    clock.
    """

    def __init__(self, store: LeaseStore, owner: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._owner = owner
        self._monotonic = monotonic
        self._until: dict[str, float] = {}
        self._stopping = asyncio.Event()
        self.replicas = 1

    def holds(self, name: str) -> bool:
        """Whether the lease can be acted upon now."""
        return self._until.get(name, 0.0) > self._monotonic()

    def shards(self) -> frozenset[int]:
        """The shards held."""
        return frozenset(number for number, name in enumerate(SHARD_NAMES) if self.holds(name))

    async def run(self) -> None:
        """Renews, claims what is free up to a fair share, gives back what is above it."""
        while not self._stopping.is_set():
            try:
                await self.step()
            except Unavailable as away:
                log("leases").warning("leases could not be renewed", error=str(away))
            try:
                await asyncio.wait_for(self._stopping.wait(), EVERY_S)
            except TimeoutError:
                continue

    async def step(self) -> None:
        """One round of it."""
        asked = self._monotonic()
        self.replicas = max(1, await self._store.alive(self._owner, TTL_S))
        kept = await self._store.renew(self._owner, list(self._until), TTL_S) if self._until else frozenset()
        self._until = dict.fromkeys(kept, asked + TTL_S - MARGIN_S)
        share = math.ceil(len(NAMES) / self.replicas)
        if len(self._until) > share:
            await self._give_back(len(self._until) - share)
        else:
            await self._claim(share)

    async def stop(self) -> None:
        """Gives everything back, so that another replica need not wait for the end of the leases."""
        self._stopping.set()
        held, self._until = list(self._until), {}
        try:
            await self._store.release(self._owner, held)
        except Unavailable:
            log("leases").warning("leases were not given back; they run out by themselves")

    async def _claim(self, share: int) -> None:
        for name in NAMES:
            if len(self._until) >= share:
                return
            asked = self._monotonic()
            if name not in self._until and await self._store.claim(name, self._owner, TTL_S) is not None:
                self._until[name] = asked + TTL_S - MARGIN_S

    async def _give_back(self, count: int) -> None:
        given = list(self._until)[-count:]
        for name in given:
            del self._until[name]
        await self._store.release(self._owner, given)
