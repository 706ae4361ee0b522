"""What one replica knows of each receiver: its share of the rate, sends under way, and whether it is taken out."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal

from services.notify.rules.routing import Contact
from services.notify.rules.unreachable import Standing, after_attempt

# Fewer than a replica has under way: one receiver that hangs leaves room for the others.
AT_ONCE = 6
PATIENCE_SECONDS = 0.2
# Messages a second that the makers of the group bots allow: WeCom and DingTalk 20, Feishu 100 a minute.
BOT_RATES = {"wecom": 20 / 60, "dingtalk": 20 / 60, "feishu": 100 / 60}
Turned = Literal["out", "back"]


class Receivers:
    """Spaces the sends to each contact at `rate` messages a second (or what its kind allows) over `replicas()`.

    Turns go by the event loop's clock, which never jumps; due times by `now`'s.
    """

    def __init__(self, rate: float, now: Callable[[], datetime], replicas: Callable[[], int] = lambda: 1) -> None:
        self._rate = rate
        self._now = now
        self._replicas = replicas
        self._next: dict[str, float] = {}
        self._overflow: dict[str, float] = {}
        self._slots: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
        self._queues: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._queued: dict[str, int] = defaultdict(int)
        self._standing: dict[str, Standing] = {}

    def backlog(self, contact: Contact) -> datetime | None:
        """None when a send could begin almost at once, else the moment to come back: later for each one asked."""
        clock, slots, space = _seconds(), self._slots[contact.key], self._space(contact)
        begins = self._next.get(contact.key, clock) + self._queued[contact.key] * space
        if begins <= clock + PATIENCE_SECONDS and not slots.locked():
            return None
        at = max(self._overflow.get(contact.key, clock), clock + PATIENCE_SECONDS) + space
        self._overflow[contact.key] = at
        return self._now() + timedelta(seconds=at - clock)

    @asynccontextmanager
    async def turn(self, contact: Contact) -> AsyncGenerator[None]:
        """Held while one message is sent: so many at once at most, spaced at the rate."""
        async with self._slots[contact.key]:
            self._queued[contact.key] += 1
            try:
                await self._wait(contact)
            finally:
                self._queued[contact.key] -= 1
            yield

    async def _wait(self, contact: Contact) -> None:
        # One after the other: whoever woke late puts off the next, so that a stall is followed by no burst.
        async with self._queues[contact.key]:
            wait = self._next.get(contact.key, 0.0) - _seconds()
            if wait > 0:
                await asyncio.sleep(wait)
            self._next[contact.key] = _seconds() + self._space(contact)

    def out_until(self, contact: Contact) -> datetime | None:
        """Until when the contact is taken out, None when it is in use."""
        standing = self._standing.get(contact.key, Standing())
        return standing.out_until if standing.out(self._now()) else None

    def note(self, contact: Contact, delivered: bool) -> Turned | None:
        """Takes an attempt's end in; whether it has just taken the contact out, or put it back."""
        before = self._standing.get(contact.key, Standing())
        after = after_attempt(before, delivered, self._now())
        self._standing[contact.key] = after
        if (after.out_until is None) == (before.out_until is None):
            return None
        return "back" if after.out_until is None else "out"

    def _space(self, contact: Contact) -> float:
        rate = min(self._rate, BOT_RATES.get(contact.channel, self._rate)) / max(1, self._replicas())
        return 1 / rate


def _seconds() -> float:
    return asyncio.get_running_loop().time()
