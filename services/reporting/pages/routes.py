"""The routes of the overview and unit pages; each reads what one page shows, within the caller's scope."""

from dataclasses import replace
from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.reporting.api import units_in_scope
from services.reporting.as_known import AsCorrected, as_corrected
from services.reporting.documents import Document, stamp
from services.reporting.pages.labels import figure_name
from services.reporting.pages.more_routes import enterprise_routes, evaluation_pages, round_routes
from services.reporting.pages.operations_routes import operations_routes
from services.reporting.pages.site import LISTED, Reader, Site, name_of
from services.reporting.rules.rates import rate_figures, summed
from shared.http.auth import Access
from shared.http.permissions import Action, Role
from shared.http.problems import not_found

COLOURS = ("blue", "yellow", "orange", "red")


def page_routes(site: Site) -> list[APIRouter]:
    """All pages of the site."""
    return [_main(site), enterprise_routes(site), round_routes(site), evaluation_pages(site), operations_routes(site)]


def _main(site: Site) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def overview(request: Request, access: Reader) -> Response:
        if access.principal.role is Role.ADMIN:
            return RedirectResponse("/operations", 303)  # administrators run the service and read no risk
        return site.show(request, "overview.html", **await _overview(site, access))

    @router.get("/units/{unit_id}")
    async def unit(request: Request, access: Reader, unit_id: str, as_of: date | None = None) -> Response:
        access.require(Action.READ_RISK, unit_id)
        if access.registry.unit(unit_id) is None:
            raise not_found()
        then = await _as_known(site, access, unit_id, as_of) if as_of else None
        return site.show(request, "unit.html", then=then, **await _unit(site, access, unit_id))

    return router


async def _overview(site: Site, access: Access) -> dict[str, Any]:
    names = units_in_scope(access)
    lines = await site.parts.reads.units(names)
    own = sorted(access.enterprises() or ())
    rated = [rate_figures(line["counts"]) for line in lines if line["counts"]]
    may_read = access.allows(Action.READ_SUBMISSIONS, *names[:1]) if names else False
    rounds = [line["round_id"] for line in lines if line["round_id"]]
    return {
        "units": sorted(lines, key=_worst_first),
        "colours": {colour: sum(line["colour"] == colour for line in lines) for colour in (*COLOURS, None)},
        "rates": summed(rated) if rated else {},
        "round_id": max(rounds, default=None),
        "moved": await _moved(site, lines),
        "alerts": await _alerts_today(site, access, names),
        "today": await _today(site, access, names) if may_read else [],
        "names": {line["unit_id"]: line["name"] or line["unit_id"] for line in lines},
        "enterprise_name": lambda enterprise_id: name_of(access, enterprise_id),
        "own": {name: access.registry.enterprise(name) for name in own},
        "synthetic": any(line["synthetic"] for line in lines),
    }


async def _moved(site: Site, lines: list[Document]) -> list[Document]:
    """The units whose colour is another than at midnight, with the one before."""
    midnight = site.midnight()
    fresh = [line for line in lines if line["at"] and line["at"] >= stamp(midnight)][:LISTED]
    before = [await site.parts.reads.colour_before(line["unit_id"], midnight) for line in fresh]
    pairs = [(line, row["colour"] if row else None) for line, row in zip(fresh, before, strict=True)]
    return [line | {"before": colour} for line, colour in pairs if colour != line["colour"]]


async def _alerts_today(site: Site, access: Access, names: list[str]) -> list[Document]:
    own = None if access.units(Action.READ_RISK) is None else names
    return await site.parts.reads.alerts_since(site.midnight(), own, 8) if names else []


def _worst_first(line: Document) -> tuple[int, float, str]:
    colour = COLOURS.index(line["colour"]) if line["colour"] in COLOURS else -1
    return (-colour, line["index"] if line["index"] is not None else 101.0, line["unit_id"])


async def _today(site: Site, access: Access, names: list[str]) -> list[Document]:
    own = None if access.units(Action.READ_SUBMISSIONS) is None else names
    return await site.parts.reads.came_in(site.midnight(), own, 12)


async def _as_known(site: Site, access: Access, unit_id: str, day: date) -> Document:
    """What was known of the unit at the end of a day, and what has been corrected since."""
    moment, reads = site.end_of(day), site.parts.reads
    known = await reads.risk(unit_id, None, moment)
    return {
        "day": day,
        "data": known["data"] if known else None,
        "corrected": _shown(await as_corrected(reads.models, known, moment, site.zone)) if known else None,
        "may_read": access.allows(Action.READ_SUBMISSIONS, unit_id),
    }


def _shown(found: AsCorrected) -> AsCorrected:
    """The same with the figures that pages have a name for."""
    rows = [(row, by) for row, by in found.differences if figure_name(row.figure)]
    listed = [
        replace(one, changed=[row for row in one.changed if figure_name(row.figure)]) for one in found.corrections
    ]
    return replace(found, differences=rows, corrections=listed)


async def _unit(site: Site, access: Access, unit_id: str) -> dict[str, Any]:
    reads = site.parts.reads
    row = await reads.risk(unit_id)
    may_read = access.allows(Action.READ_SUBMISSIONS, unit_id)
    unit = access.registry.unit(unit_id) or {}
    enterprises = await reads.enterprises_of(unit_id, limit=LISTED)
    findings = await reads.findings({"unit_id": unit_id, "standing": True}, None, LISTED)
    assessed = row["data"] if row else None
    return {
        "unit_id": unit_id,
        "unit": unit,
        "chain": access.registry.chain(unit_id),
        "risk": assessed,
        "rates": rate_figures(assessed["counts"]) if assessed else {},
        "trend": await reads.trend(unit_id),
        "enterprises": [entry["data"] for entry in enterprises],
        "names": {entry["enterprise_id"]: name_of(access, entry["enterprise_id"]) for entry in enterprises},
        "findings": sorted((entry["data"] for entry in findings), key=_gravest_first) if may_read else None,
        "causes": {entry["_id"]: entry["data"] for entry in findings} if may_read else {},
        "focus": _by_focus([entry["data"] for entry in findings]),
        "alerts": await reads.alerts({"unit_id": unit_id}, 10),
        "recent": await reads.recent(unit_id, 10) if may_read else [],
        "parks": {
            park_id: park for park_id, park in access.registry.all("parks").items() if park.get("unit_id") == unit_id
        },
        "synthetic": bool(unit.get("synthetic")),
        "evaluations": await site.parts.evaluations.of(assessed["round_id"], unit_id) if assessed else [],
        "may_freeze": access.allows(Action.FREEZE_EVALUATION, unit_id),
    }


def _gravest_first(finding: Document) -> tuple[bool, bool, str]:
    return (finding["grade"] != "major", not finding["overdue"], finding["due_on"] or "9999")


def _by_focus(findings: list[Document]) -> dict[str, dict[str, int]]:
    areas = ("major_hazard", "old_installation", "chemical_park")
    return {area: _grades([finding for finding in findings if area in finding["focus"]]) for area in areas}


def _grades(findings: list[Document]) -> dict[str, int]:
    return {grade: sum(finding["grade"] == grade for finding in findings) for grade in ("major", "ordinary")}
