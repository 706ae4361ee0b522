"""The store's clock, by which leases and due times go: all replicas share it, however wrong their own may be."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

from shared.errors import Unavailable
from shared.mongo import Database

EVERY_SECONDS = 5.0


class StoreClock:
    """A part of the service. Asks the store for its time now and then, and goes by the monotonic clock between."""

    def __init__(self, database: Database, machine: Callable[[], datetime]) -> None:
        self._database = database
        self._at = monotonic()
        self._time = machine()
        self._stopping = asyncio.Event()

    def now(self) -> datetime:
        """Aware, UTC, whole milliseconds as the store keeps them."""
        found = self._time + timedelta(seconds=monotonic() - self._at)
        return found.replace(microsecond=found.microsecond // 1000 * 1000)

    async def measure(self) -> None:
        """Takes the store's time; half of the round trip has passed since it looked. Raises `Unavailable`."""
        asked = monotonic()
        answer = await self._database.command("hello")
        heard = monotonic()
        self._at, self._time = (asked + heard) / 2, answer["localTime"].astimezone(UTC)

    async def run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.measure()
            except Unavailable:
                # Until the store is back nothing can be claimed anyway; the time goes on from the last answer.
                pass
            await self._pause()

    async def stop(self) -> None:
        self._stopping.set()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(EVERY_SECONDS):
                await self._stopping.wait()
        except TimeoutError:
            pass
