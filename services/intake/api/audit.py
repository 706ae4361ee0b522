"""The audit trail: who changed what in the registry, which keys were issued and revoked by whom. For administrators."""

from typing import Any

from fastapi import APIRouter

from services.intake.api.callers import Caller
from services.intake.ports import RegistryStore
from services.intake.records import rfc3339
from services.intake.rules.announcing import Change
from shared.http.paging import Cursor, Limit, decode_cursor, page
from shared.http.permissions import Action


def router(changes: RegistryStore) -> APIRouter:
    """The route."""
    found = APIRouter()

    @found.get("/v1/audit", response_model=None)
    async def read_audit(access: Caller, limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
        """Every change in order: revision, object, what was done, by which key, when, under which correlation id."""
        access.require_role(Action.OPERATE)
        position = decode_cursor(cursor).get("revision", 0) if cursor else 0
        listed = await changes.after(position if isinstance(position, int) else 0, limit + 1)
        following = {"revision": listed[limit - 1].revision} if len(listed) > limit else None
        return page([_entry(change) for change in listed[:limit]], following)

    return found


def _entry(change: Change) -> dict[str, Any]:
    return {
        "revision": change.revision,
        "kind": change.kind,
        "id": change.id,
        "action": _action(change),
        "by": change.by,
        "at": rfc3339(change.at),
        "correlation_id": change.correlation_id,
    }


def _action(change: Change) -> str:
    if change.object is None:
        return "deleted"
    return "revoked" if change.kind == "keys" and change.object.get("revoked") else "put"
