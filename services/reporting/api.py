"""The JSON routes under /v1. Scope is asked of `shared.http.auth` before anything is read."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from services.reporting.api_evaluations import evaluation_routes
from services.reporting.api_stream import stream_routes
from services.reporting.as_known import as_corrected, as_corrected_answer
from services.reporting.documents import Document
from services.reporting.parts import Parts
from services.reporting.queries import Reads, explain_answer, risk_answer
from shared.http.auth import Access, Current
from shared.http.paging import Cursor, Limit, decode_cursor, page
from shared.http.permissions import Action
from shared.http.problems import not_found

_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def _as_text(value: object) -> object:
    # A bare number would be taken for seconds since 1970.
    if isinstance(value, str) and not value.strip().isdecimal():
        return value
    raise ValueError("a time as in 2023-03-01T00:00:00+08:00")


def _representable(moment: datetime) -> datetime:
    if _EARLIEST <= moment <= _LATEST:
        return moment
    raise ValueError("a time between 1970 and 9999")


AsOf = Annotated[AwareDatetime, BeforeValidator(_as_text), AfterValidator(_representable)]


def routes(parts: Parts) -> list[APIRouter]:
    """The service's JSON routers."""
    return [
        _units(parts),
        _enterprises(parts.reads),
        _rounds(parts.reads),
        evaluation_routes(parts),
        _operations(parts),
        stream_routes(parts.feed),
    ]


def _units(parts: Parts) -> APIRouter:
    reads = parts.reads
    router = APIRouter(prefix="/v1/units", tags=["units"])

    @router.get("")
    async def units(access: Current, limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
        after = str(decode_cursor(cursor).get("after", "")) if cursor else ""
        ids = [name for name in units_in_scope(access) if name > after]
        lines = await reads.units(ids[:limit])
        return page(lines, {"after": ids[limit - 1]} if len(ids) > limit else None)

    @router.get("/{unit_id}/risk")
    async def risk(access: Current, unit_id: str, round_id: str | None = None, as_of: AsOf | None = None) -> Document:
        """Now, in a round, or as known at a time. In the last case with what has become of it: `corrected` is the round
        as it stands, `differences` names each figure that differs and `by` which corrections, and `corrected_since`
        those submissions: superseding, supplementary and late ones, and what had happened by then and came later.
        """
        return await _risk(parts, access, unit_id, round_id, as_of)

    @router.get("/{unit_id}/risk/explain")
    async def explain(
        access: Current, unit_id: str, round_id: str | None = None, as_of: AsOf | None = None
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


async def _risk(parts: Parts, access: Access, unit_id: str, round_id: str | None, as_of: datetime | None) -> Document:
    """As known at `as_of`, beside what has been corrected since; now, without it."""
    access.require(Action.READ_RISK, unit_id)
    found = await parts.reads.risk(unit_id, round_id, as_of)
    if found is None:
        raise not_found()
    answer = risk_answer(found["data"])
    if as_of is None:
        return answer
    corrected = await as_corrected(parts.reads.models, found, as_of, ZoneInfo(parts.freezer.timezone))
    may_read = access.allows(Action.READ_SUBMISSIONS, unit_id)
    return answer | {"as_known_at": as_of} | as_corrected_answer(corrected, may_read)


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
