"""The store's clock, by which leases and due times go: all replicas share it, however wrong their own may be."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

from services.notify.periodic import Periodic
from shared.mongo import Database

EVERY_SECONDS = 5.0


class StoreClock(Periodic):
    """A part of the service. Asks the store for its time now and then, and goes by the monotonic clock between."""

    def __init__(self, database: Database, machine: Callable[[], datetime]) -> None:
        super().__init__(EVERY_SECONDS)
        self._database = database
        self._at = monotonic()
        self._time = machine()

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

    async def step(self) -> None:
        await self.measure()
