"""The routes of the enterprise, round, evaluation and operations pages."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.reporting.api import units_in_scope
from services.reporting.api_evaluations import readable
from services.reporting.documents import Document
from services.reporting.freezing import Frozen
from services.reporting.pages.site import LISTED, Reader, Site, name_of
from services.reporting.render.charts import chart
from services.reporting.render.table import named, place, report_title, shown
from services.reporting.render.tables import WORDS, tables
from services.reporting.render.texts import Texts, texts
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
    given = await reads.visits(round_id)
    rows = await reads.units_in_round(round_id, own)
    lines = [_line(access, line, opened[line["unit_id"]], given.get(line["unit_id"], [])) for line in rows]
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


def _line(access: Access, line: Document, opened: Document, given: list[Document]) -> Document:
    team = access.registry.get("teams", opened["team_id"] or "") or {}
    rates = rate_figures(line["counts"]) if line["counts"] else None
    visits = [record for record in given if record["kind"] == "visit"]
    return line | {"team": team.get("name"), "visits": len(visits), "last": given[0] if given else None, "rates": rates}


def evaluation_pages(site: Site) -> APIRouter:
    """A frozen evaluation's page, and the buttons that freeze one."""
    router = APIRouter(include_in_schema=False)

    @router.get("/evaluations/{evaluation_id}")
    async def evaluation(request: Request, access: Reader, evaluation_id: str) -> Response:
        found = await readable(site.parts.evaluations, access, evaluation_id)
        return site.show(request, "evaluation.html", **await _evaluation(site, found, texts(language_of(request))))

    @router.post("/units/{unit_id}/evaluations")
    async def freeze(access: Reader, unit_id: str) -> Response:
        access.require(Action.FREEZE_EVALUATION, unit_id)
        row = await site.parts.reads.risk(unit_id)
        if row is None:
            raise not_found()
        return await _freeze(site, access, row["round_id"], unit_id)

    return router


async def _evaluation(site: Site, found: Frozen, words: Texts) -> Document:
    content = found.content()
    listed = tables(content, words)
    others = await site.parts.evaluations.of(found.round_id, found.unit_id)
    where = place(content, words)
    return {
        "content": content,
        "tables": listed,
        "drawn": {table.id: chart(table, content, words) for table in listed},
        "points": [{"data": row} for row in content.get("trend", ()) if row["index"] is not None],
        "links": _links(content, words),
        "report": report_title(content, words),
        "where": where,
        "title": f"{where} · {found.round_id}",
        "shown": shown,
        "words": WORDS,
        "superseded_by": next((one.id for one in others if one.supersedes == found.id), None),
        "synthetic": content["synthetic"],
    }


def _links(content: Document, words: Texts) -> dict[str, str]:
    """Where the names of units, enterprises and earlier evaluations in a table lead."""
    named_units = {named(row, words): f"/units/{row['unit_id']}" for row in content.get("ranking", ())}
    enterprises = {name: f"/enterprises/{name}" for name in content.get("enterprise_names", {})}
    earlier = {content["supersedes"]: f"/evaluations/{content['supersedes']}"} if content["supersedes"] else {}
    return named_units | enterprises | earlier


async def _freeze(site: Site, access: Access, round_id: str, unit_id: str | None) -> Response:
    found = await site.parts.freezer.freeze(round_id, unit_id, access.principal.id)
    if found is None:
        raise not_found()
    return RedirectResponse(f"/evaluations/{found.id}", 303)
