"""What one replica knows of each receiver: its share of the rate, sends under way, and whether it is taken out."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from services.notify.rules.routing import Contact
from services.notify.rules.unreachable import Standing, after_attempt

# Fewer than a replica has under way: one receiver that hangs leaves room for the others.
AT_ONCE = 6
PATIENCE = timedelta(seconds=2)
# Messages a second that the makers of the group bots allow: WeCom and DingTalk 20, Feishu 100 a minute.
BOT_RATES = {"wecom": 20 / 60, "dingtalk": 20 / 60, "feishu": 100 / 60}


class Receivers:
    """Spaces the sends to each contact at `rate` messages a second (or what its kind allows) over `replicas()`.

    Waits are on the event loop's clock, due times on `now`'s.
    """

    def __init__(self, rate: float, now: Callable[[], datetime], replicas: Callable[[], int] = lambda: 1) -> None:
        self._rate = rate
        self._now = now
        self._replicas = replicas
        self._next: dict[str, datetime] = {}
        self._overflow: dict[str, datetime] = {}
        self._slots: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
        self._standing: dict[str, Standing] = {}

    def backlog(self, contact: Contact) -> datetime | None:
        """None when a send could begin within two seconds, else the moment to come back: later for each one asked."""
        now, slots = self._now(), self._slots[contact.key]
        if self._next.get(contact.key, now) <= now + PATIENCE and not slots.locked():
            return None
        at = max(self._overflow.get(contact.key, now), now + PATIENCE) + self._space(contact)
        self._overflow[contact.key] = at
        return at

    @asynccontextmanager
    async def turn(self, contact: Contact) -> AsyncGenerator[None]:
        """Held while one message is sent: so many at once at most, spaced at the rate."""
        async with self._slots[contact.key]:
            now = self._now()
            at = max(now, self._next.get(contact.key, now))
            self._next[contact.key] = at + self._space(contact)
            if at > now:
                await asyncio.sleep((at - now).total_seconds())
            yield

    def out_until(self, contact: Contact) -> datetime | None:
        """Until when the contact is taken out, None when it is in use."""
        standing = self._standing.get(contact.key, Standing())
        return standing.out_until if standing.out(self._now()) else None

    def note(self, contact: Contact, delivered: bool) -> bool:
        """Takes an attempt's end in; True when it has just taken the contact out."""
        before = self._standing.get(contact.key, Standing())
        after = after_attempt(before, delivered, self._now())
        self._standing[contact.key] = after
        return after.out_until is not None and before.out_until is None

    def _space(self, contact: Contact) -> timedelta:
        rate = min(self._rate, BOT_RATES.get(contact.channel, self._rate)) / max(1, self._replicas())
        return timedelta(seconds=1 / rate)
