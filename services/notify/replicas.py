"""How many replicas are alive, from beats in the store: each takes its share of every receiver's rate."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from services.notify.periodic import Periodic

BEAT_SECONDS = 2.0
ALIVE_FOR = timedelta(seconds=7)


class Beats(Protocol):
    """Where replicas leave their beats."""

    async def beat(self, instance: str, at: datetime, alive_since: datetime) -> int:
        """Stores this replica's beat; the number of replicas whose last one is not before `alive_since`."""
        ...


class Replicas(Periodic):
    """A part of the service."""

    def __init__(self, beats: Beats, instance: str, now: Callable[[], datetime]) -> None:
        super().__init__(BEAT_SECONDS)
        self._beats = beats
        self._instance = instance
        self._now = now
        self.alive = 1

    async def step(self) -> None:
        now = self._now()
        self.alive = max(1, await self._beats.beat(self._instance, now, now - ALIVE_FOR))
