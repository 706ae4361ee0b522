"""Routes of checklists."""

from typing import Any

from fastapi import APIRouter

from shared.http.auth import Current
from shared.http.problems import not_found
from shared.rulesets import RuleSets, UnknownRuleSet
from shared.rulesets.checklists import Checklist


def checklist_of(rules: RuleSets, id: str) -> Checklist:
    """The checklist, else 404."""
    try:
        return rules.checklist(id)
    except (UnknownRuleSet, TypeError):
        raise not_found(f"There is no checklist {id}.", f"没有检查表 {id}。") from None


def router(rules: RuleSets) -> APIRouter:
    """The routes."""
    found = APIRouter(prefix="/v1/checklists")

    @found.get("", response_model=None)
    async def list_checklists(_: Current) -> dict[str, Any]:
        """Every checklist, without items."""
        return {"items": [_summary(each) for each in rules.checklists()], "next_cursor": None}

    @found.get("/{id}", response_model=None)
    async def read_checklist(id: str, _: Current) -> dict[str, Any]:
        """A checklist with its items."""
        known = checklist_of(rules, id)
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
