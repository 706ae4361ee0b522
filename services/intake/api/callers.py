"""Who calls and in which language: what every route of intake begins with."""

from typing import Annotated

from fastapi import Depends, Header, Request

from services.intake.handlers import Sender
from services.intake.limiting import RateLimit
from services.intake.rules.faults import Faulty
from services.intake.rules.standing import By
from services.intake.texts import field_errors
from shared.http.auth import Access, current_access
from shared.http.permissions import Action, Role
from shared.http.problems import FieldError, Problem, invalid
from shared.telemetry import correlation_id
from shared.web.languages import Language, language_of

BY_ROLE: dict[Role, By] = {Role.ENTERPRISE: "enterprise", Role.COUNTY: "county", Role.EXPERT: "expert"}
KEY_LIMIT = 255


async def _current(request: Request) -> Access:
    # FastAPI runs a plain function in a thread: for this look-up in memory that costs more than the look-up.
    access = current_access(request)
    limit: RateLimit = request.app.state.rate_limit
    if (wait_s := limit.retry_after_s(access.principal.key_id)) is not None:
        raise Problem(
            429, "too_many_requests", "This key has made too many requests.", headers={"Retry-After": str(wait_s)}
        )
    return access


async def _language(request: Request) -> Language:
    return language_of(request)


Caller = Annotated[Access, Depends(_current)]
Spoken = Annotated[Language, Depends(_language)]
Key = Annotated[str | None, Header(alias="Idempotency-Key")]


def sender_of(access: Access, request: Request | None = None) -> Sender:
    """The caller as the use cases know it. A role that sends nothing is taken for an enterprise's: it was refused
    before.
    """
    principal = access.principal
    by = BY_ROLE.get(principal.role, "enterprise")
    trace = request.headers.get("traceparent") if request is not None else None
    return Sender(principal.id, principal.key_id, by, principal.team, correlation_id.get(), trace)


def idempotency_key(key: str | None) -> str:
    """The header's value. 400 without it."""
    if key is None or not key.strip():
        detail = (
            "Send an Idempotency-Key header: a repeat with the same key and body gets the same answer and counts once."
        )
        raise Problem(
            400, "idempotency_key_required", detail, [FieldError("header:Idempotency-Key", "missing", detail)]
        )
    if len(key) > KEY_LIMIT:
        detail = f"The Idempotency-Key has more than {KEY_LIMIT} characters."
        raise Problem(
            400, "idempotency_key_too_long", detail, [FieldError("header:Idempotency-Key", "too_long", detail)]
        )
    return key


def problem_of(faulty: Faulty, language: Language) -> Problem:
    """422 with every fault; a key that was used for another body has a type of its own."""
    errors = field_errors(faulty.faults, language)
    if any(fault.code == "idempotency_key_reused" for fault in faulty.faults):
        return Problem(422, "idempotency_key_reused", errors[0].detail, errors)
    return invalid(errors)


def require_place(access: Access, action: Action, unit_id: str, enterprise_id: str | None) -> None:
    """403 for a role that never may, 404 out of scope. A registered enterprise is where the registry has it, whatever
    the body says.
    """
    registered = access.registry.enterprise(enterprise_id) if enterprise_id is not None else None
    access.require(action, registered["unit_id"] if registered else unit_id, enterprise_id)


def in_scope(access: Access, action: Action, unit_id: str, enterprise_id: str | None) -> bool:
    """The same as a question."""
    registered = access.registry.enterprise(enterprise_id) if enterprise_id is not None else None
    return access.allows(action, registered["unit_id"] if registered else unit_id, enterprise_id)
