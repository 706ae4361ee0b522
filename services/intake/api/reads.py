"""Routes that read submissions back: lists, one with its versions, the bytes as received."""

import uuid
from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import APIRouter, Response

from services.intake.handlers import Intake
from services.intake.ports import Wanted
from services.intake.records import Submission, rfc3339
from shared.http.auth import Access, Current
from shared.http.paging import Cursor, Limit, moment_in, page
from shared.http.permissions import Action
from shared.http.problems import Problem, not_found


def router(intake: Intake) -> APIRouter:
    """The routes."""
    found = APIRouter()

    @found.get("/v1/inspections", response_model=None)
    async def list_submissions(
        access: Current,
        limit: Limit = 100,
        cursor: Cursor = None,
        enterprise_id: str | None = None,
        unit_id: str | None = None,
        kind: str | None = "inspection",
    ) -> dict[str, Any]:
        """Submissions in the caller's scope, newest first; `kind=` empty lists every kind."""
        units = access.units(Action.READ_SUBMISSIONS)
        wanted = Wanted(units, access.enterprises(), enterprise_id, unit_id, kind or None, before=position_of(cursor))
        listed = await intake.submissions.listed(wanted, limit + 1)
        following = cursor_of(listed[limit - 1]) if len(listed) > limit else None
        return page([_summary(each) for each in listed[:limit]], following)

    @found.get("/v1/inspections/{id}", response_model=None)
    async def read_submission(id: uuid.UUID, access: Current) -> dict[str, Any]:
        """A submission's status and receipt, and every version under its submission key."""
        found = await _readable(intake, access, id)
        versions = await intake.submissions.versions(found.subject, found.version_key) if found.version_key else [found]
        return _detail(found, versions)

    @found.get("/v1/inspections/{id}/record", response_model=None)
    async def read_record(id: uuid.UUID, access: Current) -> Response:
        """The bytes exactly as received; 410 once a person was erased from them."""
        submission = await _readable(intake, access, id)
        if submission.erased:
            raise _gone(submission)
        headers = {"content-disposition": f'attachment; filename="{id}.json"', "digest": f"sha-256={submission.sha256}"}
        return Response(submission.record, media_type="application/json", headers=headers)

    return found


def position_of(cursor: str | None) -> tuple[str, str] | None:
    """Where a list newest first goes on. 400 for a cursor of another list."""
    found = moment_in(cursor)
    return None if found is None else (found[0].isoformat(), found[1])


def cursor_of(last: Submission) -> dict[str, str]:
    """The position behind the last one listed."""
    return {"at": last.accepted_at.isoformat(), "id": str(last.id)}


async def _readable(intake: Intake, access: Access, id: uuid.UUID) -> Submission:
    access.require_role(Action.READ_SUBMISSIONS)
    submission = await intake.submissions.get(id)
    if submission is None:
        raise not_found()
    access.require(Action.READ_SUBMISSIONS, submission.unit_id, submission.enterprise_id)
    return submission


def erased_document(found: Submission) -> list[dict[str, str]]:
    """Who was erased from it, when and why."""
    return [
        {"person_id": each.person_id, "erased_at": rfc3339(each.at), "reason": each.reason} for each in found.erased
    ]


def _gone(found: Submission) -> Problem:
    last = found.erased[-1]
    at = rfc3339(last.at)
    return Problem(
        410,
        "erased",
        f"A person's details were erased on {at} ({last.reason}), and the exact bytes with them. The receipt still "
        "proves what hash was reported.",
        extra={"sha256": found.sha256, "erased": erased_document(found)},
        zh=f"已于 {at} 删除其中的个人信息（{last.reason}），原始内容随之删除。回执仍可证明当时所报内容的哈希值。",
    )


def _summary(found: Submission) -> dict[str, Any]:
    return {
        "submission_id": str(found.id),
        "kind": found.kind,
        "subject": found.subject,
        "unit_id": found.unit_id,
        "enterprise_id": found.enterprise_id,
        "seq": found.seq,
        "status": "published" if found.published else "queued",
        "accepted_at": rfc3339(found.accepted_at),
        "supersedes": None if found.supersedes is None else str(found.supersedes),
        "drill": found.drill,
        "sha256": found.sha256,
        "type": found.type,
        "submitted_by": found.principal,
        "key_id": found.key_id,
    }


def _detail(found: Submission, versions: Sequence[Submission]) -> dict[str, Any]:
    following = next((each for each in versions if each.seq > found.seq), None)
    return {
        **_summary(found),
        "superseded_by": None if following is None else str(following.id),
        "receipt": dict(found.receipt),
        "findings": [finding.document() for finding in found.findings],
        "persons": list(found.persons),
        "erased": erased_document(found),
        "versions": [_version(each) for each in versions],
        **found.answer,
    }


def _version(found: Submission) -> dict[str, Any]:
    return {
        "submission_id": str(found.id),
        "seq": found.seq,
        "accepted_at": rfc3339(found.accepted_at),
        "submitted_by": found.principal,
        "supersedes_reason": orjson.loads(found.value).get("supersedes_reason"),
    }
