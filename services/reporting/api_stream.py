"""The live stream of changes (server-sent events), within the reader's scope."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import APIRouter, Request
from sse_starlette import EventSourceResponse

from services.reporting.changes import ChangeFeed
from services.reporting.documents import Document
from shared.http.auth import Access, Authenticator, Current
from shared.http.permissions import Action

PING_S = 15


def stream_routes(feed: ChangeFeed) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["stream"])

    @router.get("/stream")
    async def stream(request: Request, access: Current) -> EventSourceResponse:
        access.require_role(Action.READ_RISK)
        last_id = request.headers.get("last-event-id") or request.query_params.get("last_event_id")
        return EventSourceResponse(_events(request, feed, last_id), ping=PING_S, headers={"cache-control": "no-store"})

    return router


async def _events(request: Request, feed: ChangeFeed, last_id: str | None) -> AsyncIterator[dict[str, Any]]:
    authenticator: Authenticator = request.app.state.auth
    async for change in feed.follow(last_id):
        if change.document is None:
            yield {"id": change.id, "event": "reset" if change.hole else "hello", "data": "{}", "retry": 2000}
            continue
        # Asked again for each event: a key that is revoked meanwhile gets nothing more.
        access = authenticator.access(request)
        if access is None:
            return
        if _may_see(access, change.document):
            document = change.document
            body = {name: document[name] for name in ("kind", "about_id", "unit_id", "at", "about")}
            yield {"id": change.id, "event": document["kind"], "data": orjson.dumps(body).decode()}


def _may_see(access: Access, document: Document) -> bool:
    enterprise_id = document["about_id"] if document["kind"] == "enterprise" else None
    action = Action.READ_SUBMISSIONS if document["kind"] == "finding" else Action.READ_RISK
    return access.allows(action, document["unit_id"], enterprise_id)
