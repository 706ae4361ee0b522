"""Who calls and in which language: what every route of intake begins with."""

from typing import Annotated

from fastapi import Depends, Header, Request

from services.intake.handlers import Sender
from services.intake.rules.faults import Fault, Faulty, fault
from services.intake.rules.standing import By
from services.intake.texts import field_errors
from shared.http.auth import Access
from shared.http.permissions import Action, Role
from shared.http.problems import Problem, invalid
from shared.telemetry import correlation_id
from shared.web.languages import Language, language_of

BY_ROLE: dict[Role, By] = {Role.ENTERPRISE: "enterprise", Role.COUNTY: "county", Role.EXPERT: "expert"}
KEY_LIMIT = 255


async def _language(request: Request) -> Language:
    return language_of(request)


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


def idempotency_key(key: str | None, language: Language) -> str:
    """The header's value. 400 without it."""
    if key is None or not key.strip():
        raise refusal(400, fault("header:Idempotency-Key", "idempotency_key_required"), language)
    if len(key) > KEY_LIMIT:
        raise refusal(400, fault("header:Idempotency-Key", "too_long", max_length=KEY_LIMIT), language)
    return key


def refusal(status: int, found: Fault, language: Language) -> Problem:
    """One thing wrong with what came around the body, in the caller's language."""
    error = field_errors([found], language)[0]
    return Problem(status, found.code, error.detail, [error], zh=error.detail)


def problem_of(faulty: Faulty, language: Language) -> Problem:
    """422 with every fault; a key that was used for another body has a type of its own."""
    errors = field_errors(faulty.faults, language)
    if any(fault.code == "idempotency_key_reused" for fault in faulty.faults):
        return Problem(422, "idempotency_key_reused", errors[0].detail, errors, zh=errors[0].detail)
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
