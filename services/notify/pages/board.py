"""The duty board: which alerts stand on it, and the live stream of its rows. Used by the pages' routes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from itertools import product
from typing import Any

from fastapi import Request

from services.notify.api.alerts import scope_of
from services.notify.ports import AlertFilter, AlertStore, Scope
from services.notify.rules.alert import SEVERITIES, Alert, StepKind
from services.notify.rules.routing import OPERATORS
from services.notify.rules.wording import EVENT_NAMES, REASON_NAMES, SEVERITY_NAMES, STATE_NAMES, TIER_NAMES, duration
from shared.errors import Unavailable
from shared.http.auth import Access, Authenticator
from shared.http.problems import Problem
from shared.web.languages import language_of
from shared.web.pages import Pages

SHOWN = 200
EVERY_SECONDS = 1.0
AGAIN_MS = 2000
CALLING, ANSWERED = frozenset({"open", "escalated"}), frozenset({"acknowledged"})


class Board:
    """What whoever is signed in may see of it."""

    def __init__(self, store: AlertStore, pages: Pages, now: Callable[[], datetime]) -> None:
        self._store = store
        self._pages = pages
        self._now = now

    async def rows(self, access: Access) -> dict[str, Any]:
        """For the templates: `rows` of (alert, minutes left), the most urgent first; `counts` of all by state."""
        scope, now = scope_of(access), self._now()
        alerts = await self._most_urgent(scope)
        shown = [(alert, time_left(alert, now)) for alert in sorted(alerts[:SHOWN], key=_urgency)]
        counts = {state: await self._count(scope, state) for state in ("open", "escalated", "acknowledged")}
        return {"rows": shown, "counts": counts, "more": len(alerts) > SHOWN, "at": now, **names()}

    async def stream(self, request: Request) -> AsyncIterator[dict[str, Any]]:
        """The rows whenever they have changed, whichever replica changed them. Ends with the session or key, or
        when the store is away: the browser comes back by itself.
        """
        before: object = None
        while (found := await self._readable(request)) is not None:
            now = [(alert.id, alert.version, left) for alert, left in found["rows"]], found["counts"]
            if now != before:
                html = self._pages.fragment("board_rows.html", language_of(request), **found)
                yield {"event": "rows", "data": html, "retry": AGAIN_MS}
            before = now
            await asyncio.sleep(EVERY_SECONDS)

    async def _readable(self, request: Request) -> dict[str, Any] | None:
        authenticator: Authenticator = request.app.state.auth
        try:
            access = authenticator.access(request)
            return None if access is None else await self.rows(access)
        except (Problem, Unavailable):
            return None

    async def _count(self, scope: Scope, state: str) -> int:
        return await self._store.count(AlertFilter(scope, states=frozenset({state})))

    async def _most_urgent(self, scope: Scope) -> list[Alert]:
        """Those that fit on the board, and one more when there are more."""
        found = await self._store.find(AlertFilter(scope, states=CALLING | ANSWERED), SHOWN + 1)
        if len(found) <= SHOWN:
            return found
        found = []
        for states, severity in product((CALLING, ANSWERED), reversed(SEVERITIES)):
            wanted = AlertFilter(scope, states=states, severity=severity)
            found += await self._store.find(wanted, SHOWN + 1 - len(found)) if len(found) <= SHOWN else []
        return found


def time_left(alert: Alert, now: datetime) -> int | None:
    """Minutes until the next tier is told or the promise is due, negative when past; None when nothing runs."""
    kinds = (StepKind.ESCALATION, StepKind.PROMISE)
    due = min((step.due for step in alert.steps if step.kind in kinds), default=None)
    return None if due is None else round((due - now).total_seconds() / 60)


def names() -> dict[str, Any]:
    """The words for what an alert says of itself, for the templates."""
    return {
        "severity_names": SEVERITY_NAMES,
        "state_names": STATE_NAMES,
        "tier_names": TIER_NAMES | {OPERATORS: ("运维", "operators")},
        "event_names": EVENT_NAMES,
        "reason_names": REASON_NAMES,
        "duration": duration,
    }


def _urgency(alert: Alert) -> tuple[bool, int, datetime]:
    """Unanswered before answered, the most severe first, then the oldest."""
    return alert.state == "acknowledged", -SEVERITIES.index(alert.severity), alert.opened_at
