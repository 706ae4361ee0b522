"""The duty board and the page of one alert, with the forms that answer it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from sse_starlette import EventSourceResponse

from services.notify.api.alerts import Acknowledgement, Alerts, refusal
from services.notify.messages import facts_shown
from services.notify.pages.board import Board, names, time_left
from services.notify.ports import Directory
from services.notify.rules.answers import Refused, promise_typed
from shared.http.auth import Access
from shared.http.permissions import Action
from shared.web.pages import Pages, page_access

PING_S = 15
Reader = Annotated[Access, Depends(page_access)]


class DutyPages:
    """Renders for whoever is signed in; what they may not see is not there."""

    def __init__(self, alerts: Alerts, directory: Directory, pages: Pages, now: Callable[[], datetime]) -> None:
        self._alerts = alerts
        self._directory = directory
        self._pages = pages
        self._now = now
        self._board = Board(alerts.store, pages, now)

    def router(self) -> APIRouter:
        found = APIRouter(include_in_schema=False)

        @found.get("/")
        async def board(request: Request, access: Reader) -> Response:
            return self._pages.render(request, "board.html", **await self._board.rows(access))

        @found.get("/board/stream")
        async def live(request: Request, _: Reader) -> EventSourceResponse:
            """The board's rows as server-sent events, for its script to put in place."""
            return EventSourceResponse(self._board.stream(request), ping=PING_S, headers={"cache-control": "no-store"})

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
            **names(),
        )


def _back(id: UUID) -> Response:
    return RedirectResponse(f"/alerts/{id}", 303)
