"""The JSON routes under /v1. Scope is asked of `shared.http.auth` before anything is read."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict
from sse_starlette import EventSourceResponse

from services.reporting.changes import Change, ChangeFeed
from services.reporting.documents import Document
from services.reporting.freezing import Evaluations, Freezer, Frozen
from services.reporting.generations import Generations, State
from services.reporting.queries import Reads, explain_answer, risk_answer
from shared.events.base import RoundId
from shared.http.auth import Access, Authenticator, Current
from shared.http.paging import Cursor, Limit, decode_cursor, page
from shared.http.permissions import Action
from shared.http.problems import not_found

PING_S = 15


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes and the pages work with."""

    reads: Reads
    evaluations: Evaluations
    freezer: Freezer
    feed: ChangeFeed
    generations: Generations
    rebuild: Callable[[], Awaitable[State]]


class EvaluationAsked(BaseModel):
    """Which evaluation to freeze; `unit_id` null for the national one."""

    model_config = ConfigDict(extra="forbid")

    round_id: RoundId
    unit_id: str | None = None


def routes(parts: Parts) -> list[APIRouter]:
    """The service's JSON routers."""
    return [
        _units(parts.reads),
        _enterprises(parts.reads),
        _rounds(parts.reads),
        _evaluations(parts),
        _operations(parts),
        _stream(parts.feed),
    ]


def _units(reads: Reads) -> APIRouter:
    router = APIRouter(prefix="/v1/units", tags=["units"])

    @router.get("")
    async def units(access: Current, limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
        after = str(decode_cursor(cursor).get("after", "")) if cursor else ""
        ids = [name for name in units_in_scope(access) if name > after]
        lines = await reads.units(ids[:limit])
        return page(lines, {"after": ids[limit - 1]} if len(ids) > limit else None)

    @router.get("/{unit_id}/risk")
    async def risk(
        access: Current, unit_id: str, round_id: str | None = None, as_of: AwareDatetime | None = None
    ) -> Document:
        return await _risk(reads, access, unit_id, round_id, as_of)

    @router.get("/{unit_id}/risk/explain")
    async def explain(
        access: Current, unit_id: str, round_id: str | None = None, as_of: AwareDatetime | None = None
    ) -> Document:
        access.require(Action.READ_RISK, unit_id)
        found = await reads.risk(unit_id, round_id, as_of)
        if found is None:
            raise not_found()
        return explain_answer(found["data"]) | {"as_known_at": as_of}

    @router.get("/{unit_id}/findings")
    async def findings(
        access: Current,
        unit_id: str,
        limit: Limit = 100,
        cursor: Cursor = None,
        state: Annotated[Literal["open", "disputed", "closed"] | None, Query()] = None,
    ) -> dict[str, Any]:
        access.require(Action.READ_SUBMISSIONS, unit_id)
        where: dict[str, Any] = {"unit_id": unit_id} | ({"state": state} if state else {})
        return await _findings(reads, where, limit, cursor)

    return router


async def _risk(reads: Reads, access: Access, unit_id: str, round_id: str | None, as_of: datetime | None) -> Document:
    """As known at `as_of`, with what has been corrected since; now, without it."""
    access.require(Action.READ_RISK, unit_id)
    found = await reads.risk(unit_id, round_id, as_of)
    if found is None:
        raise not_found()
    answer = risk_answer(found["data"])
    if as_of is None:
        return answer
    later = await reads.risk(unit_id, answer["round_id"])
    corrections = await reads.corrections(unit_id, as_of)
    corrected = risk_answer(later["data"]) if later else None
    return answer | {
        "as_known_at": as_of,
        "corrected": corrected,
        "corrected_since": [_correction(row) for row in corrections],
    }


def _correction(row: Document) -> Document:
    kind = (
        "superseded" if row["data"].get("supersedes") else "supplement" if row["data"].get("supplement_to") else "late"
    )
    return {
        "submission_id": row["_id"],
        "kind": kind,
        "type": row["type"],
        "enterprise_id": row["enterprise_id"],
        "accepted_at": row["at"],
    }


async def _findings(reads: Reads, where: dict[str, Any], limit: int, cursor: str | None) -> dict[str, Any]:
    after = str(decode_cursor(cursor).get("after", "")) if cursor else None
    rows = await reads.findings(where, after, limit + 1)
    return page([row["data"] for row in rows[:limit]], {"after": rows[limit - 1]["_id"]} if len(rows) > limit else None)


def units_in_scope(access: Access) -> list[str]:
    """The registry's units whose risk the caller may read, by id."""
    access.require_role(Action.READ_RISK)
    return sorted(name for name in access.registry.all("units") if access.allows(Action.READ_RISK, name))


def _enterprises(reads: Reads) -> APIRouter:
    router = APIRouter(prefix="/v1/enterprises", tags=["enterprises"])

    @router.get("/{enterprise_id}")
    async def enterprise(access: Current, enterprise_id: str) -> Document:
        row = await reads.enterprise(enterprise_id)
        known = access.registry.enterprise(enterprise_id)
        unit_id = row["unit_id"] if row else (known or {}).get("unit_id")
        access.require(Action.READ_RISK, unit_id, enterprise_id)
        if row is None and known is None:
            raise not_found()
        return {
            "enterprise_id": enterprise_id,
            "unit_id": unit_id,
            "name": (known or {}).get("name"),
            **(row["data"] if row else {}),
        }

    @router.get("/{enterprise_id}/findings")
    async def findings(
        access: Current, enterprise_id: str, limit: Limit = 100, cursor: Cursor = None
    ) -> dict[str, Any]:
        unit_id = (access.registry.enterprise(enterprise_id) or {}).get("unit_id")
        access.require(Action.READ_SUBMISSIONS, unit_id, enterprise_id)
        return await _findings(reads, {"enterprise_id": enterprise_id}, limit, cursor)

    return router


def _rounds(reads: Reads) -> APIRouter:
    router = APIRouter(prefix="/v1/rounds", tags=["rounds"])

    @router.get("/{round_id}")
    async def round_(access: Current, round_id: str) -> Document:
        known = access.registry.round(round_id)
        if known is None:
            raise not_found()
        opened = await reads.round_units(round_id)
        own = [name for name in units_in_scope(access) if name in opened]
        return {"round_id": round_id, **known, "units": await reads.units(own)}

    @router.get("/{round_id}/indicators")
    async def indicators(access: Current, round_id: str) -> Document:
        if access.registry.round(round_id) is None:
            raise not_found()
        opened = await reads.round_units(round_id)
        return await reads.indicators(round_id, [name for name in units_in_scope(access) if name in opened])

    return router


def _evaluations(parts: Parts) -> APIRouter:
    router = APIRouter(prefix="/v1/evaluations", tags=["evaluations"])

    @router.post("", status_code=201)
    async def freeze(access: Current, asked: EvaluationAsked) -> Response:
        access.require(Action.FREEZE_EVALUATION, asked.unit_id)
        if asked.unit_id is None and access.units(Action.FREEZE_EVALUATION) is not None:
            raise not_found()
        found = await parts.freezer.freeze(asked.round_id, asked.unit_id, access.principal.id)
        if found is None:
            raise not_found("The round has no results there yet.")
        return Response(found.body, 201, {"location": f"/v1/evaluations/{found.id}"}, "application/json")

    @router.get("/{evaluation_id}.json")
    @router.get("/{evaluation_id}")
    async def read(access: Current, evaluation_id: str) -> Response:
        found = await readable(parts.evaluations, access, evaluation_id)
        return Response(found.body, media_type="application/json")

    return router


async def readable(evaluations: Evaluations, access: Access, evaluation_id: str) -> Frozen:
    """The evaluation, when the caller may read all it covers; 404 otherwise."""
    access.require_role(Action.READ_RISK)
    found = await evaluations.get(evaluation_id)
    if found is None:
        raise not_found()
    if found.unit_id is not None:
        access.require(Action.READ_RISK, found.unit_id)
    elif access.units(Action.READ_RISK) is not None or access.enterprises() is not None:
        raise not_found()
    return found


def _operations(parts: Parts) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["operations"])

    @router.get("/completeness")
    async def completeness(access: Current) -> dict[str, Any]:
        access.require_role(Action.READ_COMPLETENESS)
        return await parts.reads.completeness()

    @router.get("/rebuilds")
    async def state(access: Current) -> dict[str, Any]:
        access.require_role(Action.OPERATE)
        return asdict(await parts.generations.state())

    @router.post("/rebuilds", status_code=202)
    async def rebuild(access: Current) -> dict[str, Any]:
        """Builds the read models anew from the log, beside the live ones; they are switched at once when caught up."""
        access.require_role(Action.OPERATE)
        return asdict(await parts.rebuild())

    return router


def _stream(feed: ChangeFeed) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["stream"])

    @router.get("/stream")
    async def stream(request: Request, access: Current) -> EventSourceResponse:
        access.require_role(Action.READ_RISK)
        last_id = request.headers.get("last-event-id") or request.query_params.get("last_event_id")
        return EventSourceResponse(_events(request, feed, last_id), ping=PING_S, headers={"cache-control": "no-store"})

    return router


async def _events(request: Request, feed: ChangeFeed, last_id: str | None) -> AsyncIterator[dict[str, Any]]:
    authenticator: Authenticator = request.app.state.auth
    yield {"event": "hello", "data": "{}", "retry": 2000}
    async for change in feed.follow(last_id):
        # Asked again for each event: a key that is revoked meanwhile gets nothing more.
        access = authenticator.access(request)
        if access is None:
            return
        if _may_see(access, change):
            document = change.document
            body = {name: document[name] for name in ("kind", "about_id", "unit_id", "at", "about")}
            yield {"id": change.id, "event": document["kind"], "data": orjson.dumps(body).decode()}


def _may_see(access: Access, change: Change) -> bool:
    document = change.document
    enterprise_id = document["about_id"] if document["kind"] == "enterprise" else None
    action = Action.READ_SUBMISSIONS if document["kind"] == "finding" else Action.READ_RISK
    return access.allows(action, document["unit_id"], enterprise_id)
