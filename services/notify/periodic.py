"""A part of the service that does one thing now and then: the store's clock and the replicas' beats are such parts."""

import asyncio
from abc import ABC, abstractmethod

from shared.errors import Unavailable


class Periodic(ABC):
    """Calls `step` every `every_s` seconds, the first time at once. While the store is away nothing can be claimed
    anyway, so what the last step found stands.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._stopping = asyncio.Event()

    @abstractmethod
    async def step(self) -> None:
        """What is done each time. May raise `Unavailable`."""

    async def run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.step()
            except Unavailable:
                pass
            await self._pause()

    async def stop(self) -> None:
        self._stopping.set()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._every_s):
                await self._stopping.wait()
        except TimeoutError:
            pass
