"""How many replicas are alive, from beats in the store: each takes its share of every receiver's rate."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from shared.errors import Unavailable

BEAT_SECONDS = 2.0
ALIVE_FOR = timedelta(seconds=7)


class Beats(Protocol):
    """Where replicas leave their beats."""

    async def beat(self, instance: str, at: datetime, alive_since: datetime) -> int:
        """Stores this replica's beat; the number of replicas whose last one is not before `alive_since`."""
        ...


class Replicas:
    """A part of the service."""

    def __init__(self, beats: Beats, instance: str, now: Callable[[], datetime]) -> None:
        self._beats = beats
        self._instance = instance
        self._now = now
        self._stopping = asyncio.Event()
        self.alive = 1

    async def run(self) -> None:
        while not self._stopping.is_set():
            try:
                now = self._now()
                self.alive = max(1, await self._beats.beat(self._instance, now, now - ALIVE_FOR))
            except Unavailable:
                # Nothing can be claimed meanwhile either; the last number stands.
                pass
            await self._pause()

    async def stop(self) -> None:
        self._stopping.set()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(BEAT_SECONDS):
                await self._stopping.wait()
        except TimeoutError:
            pass
