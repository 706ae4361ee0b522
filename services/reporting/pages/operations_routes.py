"""The route of the operations page, for administrators: completeness, lag, dead letters, health, rebuilds."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.reporting.bus_view import ConsumerLag, DeadLetter
from services.reporting.documents import Document
from services.reporting.generations import State
from services.reporting.pages.site import Reader, Site
from shared.errors import Unavailable
from shared.http.auth import Access
from shared.http.permissions import Action

SHOWN_LETTERS = 20


def operations_routes(site: Site) -> APIRouter:
    """The page, and the button that has the read models built anew."""
    router = APIRouter(include_in_schema=False)

    @router.get("/operations")
    async def operations(request: Request, access: Reader) -> Response:
        access.require_role(Action.OPERATE)
        return site.show(request, "operations.html", **await _operations(site, access))

    @router.post("/operations/rebuild")
    async def rebuild(access: Reader) -> Response:
        access.require_role(Action.OPERATE)
        await site.parts.rebuild()
        return RedirectResponse("/operations", 303)

    return router


async def _operations(site: Site, access: Access) -> dict[str, Any]:
    parts = site.parts
    folds = {str(row["partition"]): row for row in await parts.reads.models.find("folds", {})}
    progress = await parts.reads.models.find("progress", {}, sort=("topic", "partition"))
    state = await parts.generations.state()
    lags, letters = await _on_the_bus(site, _groups(state))
    return {
        "complete": await parts.reads.completeness(),
        "progress": sorted((_place(row, folds) for row in progress), key=_by_place),
        "lags": lags,
        "unpublished": _unpublished(access, site.parts.freezer.now()),
        "letters": letters,
        "dead": sum(row["data"]["dead_lettered"] for row in folds.values()),
        "health": await site.health.report(),
        "state": state,
        "synthetic": any(unit.get("synthetic") for unit in access.registry.all("units").values()),
    }


def _groups(state: State) -> tuple[str, ...]:
    """The consumer groups of the whole system: reporting has one for each generation that is filled."""
    filled = [state.live] + ([state.building] if state.building is not None else [])
    return ("scoring", "notify", *(f"reporting-g{number}" for number in filled))


async def _on_the_bus(site: Site, groups: tuple[str, ...]) -> tuple[list[ConsumerLag] | None, list[DeadLetter] | None]:
    """None for what the broker does not tell: the page has more to say than that."""
    try:
        return await site.bus.lags(groups), await site.bus.dead_letters(SHOWN_LETTERS)
    except Unavailable:
        return None, None


def _unpublished(access: Access, now: datetime) -> float:
    """For how many seconds intake's oldest unpublished record has waited; 0 when none does."""
    oldest = [count.get("oldest_unpublished_at") for count in access.registry.all("counts").values()]
    waited = [(now - datetime.fromisoformat(str(one))).total_seconds() for one in oldest if one]
    return max([0.0, *waited])


def _place(row: Document, folds: dict[str, Document]) -> Document:
    fold = folds.get(row["partition"]) if row["topic"] == "inspections.v1" else None
    scored = fold["position"] + 1 if fold else None
    return row | {"scored": scored, "behind": max(0, row["next"] - scored) if scored is not None else None}


def _by_place(row: Document) -> tuple[str, int]:
    return row["topic"], int(row["partition"])
