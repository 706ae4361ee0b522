"""The duty board and the page of one alert, with the forms that answer it."""

from collections.abc import Callable
from datetime import datetime
from itertools import product
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from services.notify.api.alerts import Acknowledgement, Alerts, refusal, scope_of
from services.notify.messages import facts_shown
from services.notify.ports import AlertFilter, Directory, Scope
from services.notify.rules.alert import SEVERITIES, Alert, StepKind
from services.notify.rules.answers import Refused, promise_typed
from services.notify.rules.routing import OPERATORS
from services.notify.rules.wording import EVENT_NAMES, SEVERITY_NAMES, STATE_NAMES, TIER_NAMES, duration
from shared.http.auth import Access
from shared.http.permissions import Action
from shared.web.pages import Pages, page_access

SHOWN = 200
Reader = Annotated[Access, Depends(page_access)]
CALLING, ANSWERED = frozenset({"open", "escalated"}), frozenset({"acknowledged"})


class DutyPages:
    """Renders for whoever is signed in; what they may not see is not there."""

    def __init__(self, alerts: Alerts, directory: Directory, pages: Pages, now: Callable[[], datetime]) -> None:
        self._alerts = alerts
        self._directory = directory
        self._pages = pages
        self._now = now

    def router(self) -> APIRouter:
        found = APIRouter(include_in_schema=False)

        @found.get("/")
        async def board(request: Request, access: Reader) -> Response:
            return self._pages.render(request, "board.html", **await self._board(access))

        @found.get("/board")
        async def rows(request: Request, access: Reader) -> Response:
            """The board's rows alone, for its script to put in place."""
            return self._pages.render(request, "board_rows.html", **await self._board(access))

        @found.get("/alerts/{id}")
        async def one(request: Request, access: Reader, id: UUID) -> Response:
            return await self._one(request, access, str(id))

        @found.post("/alerts/{id}/ack")
        async def acknowledge(
            access: Reader,
            id: UUID,
            note: Annotated[str, Form(max_length=2000)] = "",
            promise_by: Annotated[str, Form(max_length=40)] = "",
        ) -> Response:
            try:
                body = Acknowledgement(note=note, promise_by=promise_typed(promise_by, self._pages.zone))
            except Refused as refused:
                raise refusal(refused) from refused
            await self._alerts.acknowledge(access, str(id), body, "page")
            return _back(id)

        @found.post("/alerts/{id}/close")
        async def close(
            access: Reader, id: UUID, reason: Annotated[str, Form(min_length=3, max_length=2000)]
        ) -> Response:
            await self._alerts.close(access, str(id), reason)
            return _back(id)

        @found.post("/alerts/{id}/reopen")
        async def reopen(
            access: Reader, id: UUID, reason: Annotated[str, Form(min_length=3, max_length=2000)]
        ) -> Response:
            await self._alerts.reopen(access, str(id), reason)
            return _back(id)

        return found

    async def _board(self, access: Access) -> dict[str, Any]:
        scope, now = scope_of(access), self._now()
        alerts = await self._most_urgent(scope)
        shown = [(alert, time_left(alert, now)) for alert in sorted(alerts[:SHOWN], key=_urgency)]
        counts = {state: await self._count(scope, state) for state in ("open", "escalated", "acknowledged")}
        return {"rows": shown, "counts": counts, "more": len(alerts) > SHOWN, "at": now, **_names()}

    async def _count(self, scope: Scope, state: str) -> int:
        return await self._alerts.store.count(AlertFilter(scope, states=frozenset({state})))

    async def _most_urgent(self, scope: Scope) -> list[Alert]:
        """Those that fit on the board, and one more when there are more."""
        found = await self._alerts.store.find(AlertFilter(scope, states=CALLING | ANSWERED), SHOWN + 1)
        if len(found) <= SHOWN:
            return found
        found = []
        for states, severity in product((CALLING, ANSWERED), reversed(SEVERITIES)):
            wanted = AlertFilter(scope, states=states, severity=severity)
            found += await self._alerts.store.find(wanted, SHOWN + 1 - len(found)) if len(found) <= SHOWN else []
        return found

    async def _one(self, request: Request, access: Access, id: str) -> Response:
        alert = await self._alerts.readable(access, id)
        whole = await self._alerts.whole(alert)
        return self._pages.render(
            request,
            "alert.html",
            alert=alert,
            unit_name=self._directory.unit_name(alert.unit_id),
            history=[entry | {"at": datetime.fromisoformat(entry["at"])} for entry in whole["history"]],
            facts=facts_shown(alert.facts),
            left=time_left(alert, self._now()),
            answerable=access.allows(Action.ANSWER_ALERT, alert.unit_id),
            **_names(),
        )


def time_left(alert: Alert, now: datetime) -> int | None:
    """Minutes until the next tier is told or the promise is due, negative when past; None when nothing runs."""
    kinds = (StepKind.ESCALATION, StepKind.PROMISE)
    due = min((step.due for step in alert.steps if step.kind in kinds), default=None)
    return None if due is None else round((due - now).total_seconds() / 60)


def _urgency(alert: Alert) -> tuple[bool, int, datetime]:
    """Unanswered before answered, the most severe first, then the oldest."""
    return alert.state == "acknowledged", -SEVERITIES.index(alert.severity), alert.opened_at


def _names() -> dict[str, Any]:
    return {
        "severity_names": SEVERITY_NAMES,
        "state_names": STATE_NAMES,
        "tier_names": TIER_NAMES | {OPERATORS: ("运维", "operators")},
        "event_names": EVENT_NAMES,
        "duration": duration,
    }


def _back(id: UUID) -> Response:
    return RedirectResponse(f"/alerts/{id}", 303)
