"""Routes of checklists and their templates."""

from typing import Any

from fastapi import APIRouter, Response

from services.intake.api.callers import Caller
from services.intake.spreadsheets import XLSX
from services.intake.templates_xlsx import template
from shared.http.problems import not_found
from shared.rulesets import RuleSets, UnknownRuleSet
from shared.rulesets.checklists import Checklist


def router(rules: RuleSets) -> APIRouter:
    """The routes."""
    found = APIRouter(prefix="/v1/checklists")

    def checklist(id: str) -> Checklist:
        try:
            return rules.checklist(id)
        except (UnknownRuleSet, TypeError):
            raise not_found(f"There is no checklist {id}.") from None

    @found.get("", response_model=None)
    async def list_checklists(_: Caller) -> dict[str, Any]:
        """Every checklist, without items."""
        return {"items": [_summary(each) for each in rules.checklists()], "next_cursor": None}

    @found.get("/{id}", response_model=None)
    async def read_checklist(id: str, _: Caller) -> dict[str, Any]:
        """A checklist with its items."""
        known = checklist(id)
        items = [
            {
                "item": item.id,
                "title": item.title,
                "area": item.area,
                "focus": [focus.value for focus in item.focus],
                "ours": list(item.ours),
                "source": item.source,
            }
            for item in known.items.values()
        ]
        return {**_summary(known), "items": items}

    @found.get("/{id}/template.xlsx", response_model=None)
    async def read_template(
        id: str, _: Caller, round_id: str = "", unit_id: str = "", enterprise_id: str = "", stage: str = ""
    ) -> Response:
        """The XLSX template; query parameters fill in the cells that every row shares."""
        shared = {"round_id": round_id, "unit_id": unit_id, "enterprise_id": enterprise_id, "stage": stage}
        headers = {"content-disposition": f'attachment; filename="{id}.xlsx"'}
        return Response(
            template(checklist(id), {name: value[:100] for name, value in shared.items()}),
            media_type=XLSX,
            headers=headers,
        )

    return found


def _summary(known: Checklist) -> dict[str, Any]:
    return {
        "id": known.id,
        "version": known.version,
        "title": known.title,
        "every_finding_is_major": known.every_finding_is_major,
        "ref_required": known.ref_required,
        "effective_from": known.effective_from.isoformat(),
        "effective_to": None if known.effective_to is None else known.effective_to.isoformat(),
        "confirmed": known.confirmed,
        "note": known.note,
        "source": known.source,
    }
