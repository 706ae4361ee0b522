"""The routes of the enterprise, round, evaluation and operations pages."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.reporting.api import units_in_scope
from services.reporting.api_evaluations import readable
from services.reporting.documents import Document
from services.reporting.pages.site import LISTED, Reader, Site, name_of
from services.reporting.render.table import shown
from services.reporting.render.tables import tables
from services.reporting.render.texts import texts
from services.reporting.rules.rates import rate_figures, summed
from shared.http.auth import Access
from shared.http.permissions import Action
from shared.http.problems import not_found
from shared.web.languages import language_of


def enterprise_routes(site: Site) -> APIRouter:
    """An enterprise's page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/enterprises/{enterprise_id}")
    async def enterprise(request: Request, access: Reader, enterprise_id: str) -> Response:
        row = await site.parts.reads.enterprise(enterprise_id)
        known = access.registry.enterprise(enterprise_id)
        if row is None and known is None:
            raise not_found()
        unit_id = row["unit_id"] if row else (known or {})["unit_id"]
        access.require(Action.READ_RISK, unit_id, enterprise_id)
        return site.show(request, "enterprise.html", **await _enterprise(site, access, enterprise_id, unit_id, row))

    return router


async def _enterprise(site: Site, access: Access, enterprise_id: str, unit_id: str, row: Document | None) -> Document:
    reads, unit = site.parts.reads, access.registry.unit(unit_id) or {}
    may_read = access.allows(Action.READ_SUBMISSIONS, unit_id, enterprise_id)
    found = await reads.findings({"enterprise_id": enterprise_id}, None, LISTED + 1) if may_read else []
    return {
        "enterprise_id": enterprise_id,
        "enterprise": {"name": None, "category": None} | dict(access.registry.enterprise(enterprise_id) or {}),
        "unit_id": unit_id,
        "unit": unit,
        "may_read_unit": access.allows(Action.READ_RISK, unit_id),
        "data": row["data"] if row else None,
        "findings": sorted((one["data"] for one in found[:LISTED]), key=_standing_first) if may_read else None,
        "more": len(found) > LISTED,
        "alerts": await reads.alerts({"enterprise_id": enterprise_id}, 20),
        "synthetic": bool(unit.get("synthetic")),
    }


def _standing_first(finding: Document) -> tuple[bool, bool, bool, str]:
    return (finding["state"] == "closed", finding["grade"] != "major", not finding["overdue"], finding["due_on"] or "9")


def round_routes(site: Site) -> APIRouter:
    """A round's page; `?unit=` names the unit whose laggards are listed."""
    router = APIRouter(include_in_schema=False)

    @router.get("/rounds/{round_id}")
    async def round_(request: Request, access: Reader, round_id: str, unit: str | None = None) -> Response:
        known = access.registry.round(round_id)
        if known is None:
            raise not_found()
        return site.show(request, "round.html", round=known, **await _round(site, access, round_id, unit))

    @router.post("/rounds/{round_id}/evaluations")
    async def freeze(access: Reader, round_id: str) -> Response:
        access.require_role(Action.FREEZE_EVALUATION)
        if access.units(Action.FREEZE_EVALUATION) is not None:
            raise not_found()
        return await _freeze(site, access, round_id, None)

    return router


async def _round(site: Site, access: Access, round_id: str, chosen: str | None) -> Document:
    reads, opened = site.parts.reads, await site.parts.reads.round_units(round_id)
    own = [name for name in units_in_scope(access) if name in opened]
    lines = [_line(access, line, opened[line["unit_id"]]) for line in await reads.units_in_round(round_id, own)]
    rated = [line["rates"] for line in lines if line["rates"]]
    behind = await reads.rates(round_id, chosen) if chosen in own else ()
    listed = {row.enterprise_id for rate in behind for row in rate.behind}
    whole = access.units(Action.READ_RISK) is None and access.enterprises() is None
    return {
        "round_id": round_id,
        "lines": lines,
        "rates": summed(rated) if rated else {},
        "chosen": chosen if chosen in own else None,
        "chosen_name": (access.registry.unit(chosen or "") or {}).get("name"),
        "behind": behind,
        "names": {name: name_of(access, name) for name in listed},
        "evaluations": await site.parts.evaluations.of(round_id, None) if whole else [],
        "may_freeze_nation": site.may_freeze_nation(access),
        "synthetic": any(line["synthetic"] for line in lines),
    }


def _line(access: Access, line: Document, opened: Document) -> Document:
    team = access.registry.get("teams", opened["team_id"] or "") or {}
    visits = line["guidance"].get("visits", 0)
    rates = rate_figures(line["counts"]) if line["counts"] else None
    return line | {"team": team.get("name"), "visits": visits, "rates": rates}


def evaluation_pages(site: Site) -> APIRouter:
    """A frozen evaluation's page, and the buttons that freeze one."""
    router = APIRouter(include_in_schema=False)

    @router.get("/evaluations/{evaluation_id}")
    async def evaluation(request: Request, access: Reader, evaluation_id: str) -> Response:
        found = await readable(site.parts.evaluations, access, evaluation_id)
        content, words = found.content(), texts(language_of(request))
        others = await site.parts.evaluations.of(found.round_id, found.unit_id)
        where = words.name(content["name"]) if content["kind"] == "unit" else words.text("Nationwide")
        context = {
            "content": content,
            "tables": tables(content, words),
            "title": f"{where or found.unit_id} · {found.round_id}",
            "shown": shown,
            "superseded_by": next((one.id for one in others if one.content()["supersedes"] == found.id), None),
            "synthetic": content["synthetic"],
        }
        return site.show(request, "evaluation.html", **context)

    @router.post("/units/{unit_id}/evaluations")
    async def freeze(access: Reader, unit_id: str) -> Response:
        access.require(Action.FREEZE_EVALUATION, unit_id)
        row = await site.parts.reads.risk(unit_id)
        if row is None:
            raise not_found()
        return await _freeze(site, access, row["round_id"], unit_id)

    return router


async def _freeze(site: Site, access: Access, round_id: str, unit_id: str | None) -> Response:
    found = await site.parts.freezer.freeze(round_id, unit_id, access.principal.id)
    if found is None:
        raise not_found()
    return RedirectResponse(f"/evaluations/{found.id}", 303)


def operations_routes(site: Site) -> APIRouter:
    """The operations page, for administrators."""
    router = APIRouter(include_in_schema=False)

    @router.get("/operations")
    async def operations(request: Request, access: Reader) -> Response:
        access.require_role(Action.OPERATE)
        parts = site.parts
        folds = {str(row["partition"]): row for row in await parts.reads.models.find("folds", {})}
        progress = await parts.reads.models.find("progress", {}, sort=("topic", "partition"))
        context: dict[str, Any] = {
            "complete": await parts.reads.completeness(),
            "progress": [_place(row, folds) for row in progress],
            "lags": site.lags(),
            "dead": sum(row["data"]["dead_lettered"] for row in folds.values()),
            "health": await site.health.report(),
            "state": await parts.generations.state(),
            "synthetic": any(unit.get("synthetic") for unit in access.registry.all("units").values()),
        }
        return site.show(request, "operations.html", **context)

    @router.post("/operations/rebuild")
    async def rebuild(access: Reader) -> Response:
        access.require_role(Action.OPERATE)
        await site.parts.rebuild()
        return RedirectResponse("/operations", 303)

    return router


def _place(row: Document, folds: dict[str, Document]) -> Document:
    fold = folds.get(row["partition"]) if row["topic"] == "inspections.v1" else None
    scored = fold["position"] + 1 if fold else None
    return row | {"scored": scored, "behind": max(0, row["next"] - scored) if scored is not None else None}
