"""The consumer group of the broker in memory: members, sessions, rebalances. Used by memory_broker."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from services.scoring.ports import Listener


@dataclass(eq=False, slots=True)
class Member:
    """One worker in the group; `positions` of what it is assigned (None: the committed offset). `gate` answers while
    the worker is alive."""

    name: str
    gate: Callable[[str], Awaitable[None]]
    listener: Listener | None = None
    positions: dict[int, int | None] = field(default_factory=dict)


class MemoryGroup:
    """Heartbeats are calls of each member's gate; who does not answer within the session is out, and joins again once
    it does."""

    def __init__(self, partitions: int, session_s: float) -> None:
        self._partitions = range(partitions)
        self._session_s = session_s
        self._members: list[Member] = []
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._rebalancing: asyncio.Task[None] | None = None

    def join(self, member: Member) -> None:
        self._members.append(member)
        self._run(self._heartbeats(member))
        self._touch()

    def leave(self, member: Member) -> None:
        """Safe to repeat; a member that left is told nothing more."""
        member.positions.clear()
        if member in self._members:
            self._members.remove(member)
            self._touch()

    async def stop(self) -> None:
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _run(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _touch(self) -> None:
        self._changed.set()
        if self._rebalancing is None:
            self._rebalancing = asyncio.ensure_future(self._rebalances())
            self._tasks.add(self._rebalancing)

    async def _heartbeats(self, member: Member) -> None:
        while member in self._members:
            try:
                async with asyncio.timeout(self._session_s):
                    await member.gate("heartbeat")
            except TimeoutError:
                self._expire(member)
                return
            await asyncio.sleep(self._session_s / 6)

    def _expire(self, member: Member) -> None:
        if member in self._members:
            self._members.remove(member)
            self._touch()
            self._run(self._rejoins(member))

    async def _rejoins(self, member: Member) -> None:
        """A worker that wakes up goes on with what it had until a heartbeat tells it otherwise."""
        await member.gate("heartbeat")
        await asyncio.sleep(self._session_s / 6)
        await self._tell_revoked(member)
        if member.listener is not None:
            self.join(member)

    async def _rebalances(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await asyncio.gather(*(self._revoke(member) for member in self._members))
            if not self._changed.is_set():
                await self._assign()

    async def _revoke(self, member: Member) -> None:
        """Waits for the member to let go, or for its session to end."""
        telling = asyncio.ensure_future(self._tell_revoked(member))
        while not telling.done() and member in self._members:
            await asyncio.wait([telling], timeout=0.1)
        telling.cancel()

    async def _tell_revoked(self, member: Member) -> None:
        if not member.positions:
            return
        await member.gate("revoked")
        if member.listener:
            await member.listener.revoked()
        member.positions.clear()

    async def _assign(self) -> None:
        members = sorted(self._members, key=lambda member: member.name)
        for at, member in enumerate(members):
            member.positions = {number: None for number in self._partitions if number % len(members) == at}
        for member in members:  # records may be polled from here on, before the listener has heard of it
            await asyncio.sleep(0.001)
            if member.listener and member in self._members:
                await member.listener.assigned(list(member.positions))
