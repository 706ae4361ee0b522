"""How far a look for due alerts reaches. Used by the store in MongoDB."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from services.notify.rules.alert import Alert

FIRST_STEP = timedelta(milliseconds=10)
WIDER = 4


class DueReach:
    """Opens the range of due times no further than a look needs. The local store reads the whole of a range before it
    keeps to a limit, so with thousands of alerts due each look would cost as much as all of them.
    """

    def __init__(self) -> None:
        self._until: datetime | None = None

    async def look(self, read: Callable[[datetime], Awaitable[list[Alert]]], now: datetime, limit: int) -> list[Alert]:
        """The first `limit` alerts due by `now`. `read`: the first so many due by a moment, in order."""
        until, step = min(self._until or now, now), FIRST_STEP
        found = await read(until)
        while len(found) < limit and until < now:
            until, step = min(until + step, now), WIDER * step
            found = await read(until)
        # While more are due than were asked for, the next look begins where this one ended.
        self._until = found[-1].next_due if len(found) == limit else None
        return found
