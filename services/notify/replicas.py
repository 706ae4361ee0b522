"""Which replicas are alive, from beats in the store: each has its share of the alerts and of every receiver's rate."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.notify.periodic import Periodic

BEAT_SECONDS = 2.0
ALIVE_FOR = timedelta(seconds=7)


class Beats(Protocol):
    """Where replicas leave their beats."""

    async def beat(self, instance: str, at: datetime, alive_since: datetime) -> Sequence[str]:
        """Stores this replica's beat; the replicas whose last one is not before `alive_since`, this one among them."""
        ...


class Replicas(Periodic):
    """A part of the service."""

    def __init__(self, beats: Beats, instance: str, now: Callable[[], datetime]) -> None:
        super().__init__(BEAT_SECONDS)
        self._beats = beats
        self._instance = instance
        self._now = now
        self.alive: Sequence[str] = (instance,)
        self._beaten = False
        self.known = False

    async def step(self) -> None:
        """One beat. `known` from the first one on when nobody else is alive, else from the second: until then the
        others may not have seen this replica, and still take the whole of every rate.
        """
        now = self._now()
        self.alive = await self._beats.beat(self._instance, now, now - ALIVE_FOR)
        self.known = self._beaten or len(self.alive) == 1
        self._beaten = True

    def mine(self, id: str) -> bool:
        """Whether this replica comes first for an alert. Of those alive the one with the greatest hash does, so that
        only the alerts of one that comes or goes change hands.
        """
        return max(self.alive, key=lambda name: _weight(name, id)) == self._instance


def _weight(name: str, id: str) -> bytes:
    return hashlib.blake2b(f"{name}|{id}".encode(), digest_size=8).digest()
