"""The route that erases a person's details."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from services.intake.erasing import erase
from services.intake.handlers import Intake
from services.intake.records import Erasure, rfc3339
from shared.http.auth import Current
from shared.http.permissions import Action
from shared.http.problems import not_found

Reason = Annotated[str, Query(min_length=1, max_length=1000, pattern=r"\S")]


def router(intake: Intake) -> APIRouter:
    """The route."""
    found = APIRouter(prefix="/v1/persons")

    @found.delete("/{person_id}", response_model=None)
    async def erase_person(person_id: str, access: Current, reason: Reason) -> dict[str, Any]:
        """Erases name, position and phone from every submission that names the person; a repeat changes nothing."""
        access.require_role(Action.ERASE)
        done = await erase(intake, Erasure(person_id, intake.now(), access.principal.key_id, reason))
        if not done:
            raise not_found("No submission names this person.", "没有提交记录涉及此人。")
        return {
            "person_id": person_id,
            "submissions": len(done),
            "erased_at": rfc3339(done[-1].at),
            "reason": done[-1].reason,
        }

    return found
