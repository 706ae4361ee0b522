"""The audit trail: who changed what in the registry, issued and revoked which keys, submitted what. For
administrators, who see that it happened and not what it says.
"""

from typing import Any

from fastapi import APIRouter

from services.intake.api.reads import cursor_of, position_of
from services.intake.ports import RegistryStore, SubmissionStore, Wanted
from services.intake.records import Submission, rfc3339
from services.intake.rules.announcing import Change
from shared.http.auth import Current
from shared.http.paging import Cursor, Limit, number_in, page
from shared.http.permissions import Action


def router(changes: RegistryStore, submissions: SubmissionStore) -> APIRouter:
    """The route."""
    found = APIRouter()

    @found.get("/v1/audit", response_model=None)
    async def read_audit(access: Current, limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
        """Every change in order: revision, object, what was done, by which key, when, under which correlation id."""
        access.require_role(Action.OPERATE)
        listed = await changes.after(number_in(cursor, "revision"), limit + 1)
        following = {"revision": listed[limit - 1].revision} if len(listed) > limit else None
        return page([_entry(change) for change in listed[:limit]], following)

    @found.get("/v1/audit/submissions", response_model=None)
    async def read_submissions(access: Current, limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
        """Every submission, newest first: its kind, subject and number, by which key, when, under which correlation
        id.
        """
        access.require_role(Action.OPERATE)
        listed = await submissions.listed(Wanted(before=position_of(cursor)), limit + 1)
        following = cursor_of(listed[limit - 1]) if len(listed) > limit else None
        return page([_submitted(each) for each in listed[:limit]], following)

    @found.get("/v1/audit/erasures", response_model=None)
    async def read_erasures(access: Current, limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
        """Every submission that somebody was erased from, newest submission first: whom, by which key, when, why."""
        access.require_role(Action.OPERATE)
        listed = await submissions.listed(Wanted(before=position_of(cursor), erased=True), limit + 1)
        following = cursor_of(listed[limit - 1]) if len(listed) > limit else None
        return page([_erased(each) for each in listed[:limit]], following)

    return found


def _submitted(found: Submission) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "id": str(found.id),
        "subject": found.subject,
        "seq": found.seq,
        "action": "submitted",
        "by": found.key_id,
        "principal": found.principal,
        "at": rfc3339(found.accepted_at),
        "correlation_id": found.correlation_id,
    }


def _erased(found: Submission) -> dict[str, Any]:
    told = [
        {"person_id": each.person_id, "action": "erased", "by": each.by, "at": rfc3339(each.at), "reason": each.reason}
        for each in found.erased
    ]
    return {"id": str(found.id), "subject": found.subject, "seq": found.seq, "erasures": told}


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
