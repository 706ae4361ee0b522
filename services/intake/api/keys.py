"""Routes that issue and revoke API keys."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from services.intake.api.callers import Spoken, problem_of
from services.intake.book import Book
from services.intake.rules.bodies import Body
from services.intake.rules.faults import Fault, Faulty, fault
from services.intake.rules.parsing import parse
from shared.clock import Clock
from shared.http.auth import Access, Current, hash_key, new_key
from shared.http.permissions import Action, Role
from shared.http.problems import forbidden, not_found
from shared.registry import Registry
from shared.telemetry import correlation_id


class Scope(Body):
    """What a key reaches."""

    units: tuple[str, ...] | None = None
    enterprises: tuple[str, ...] | None = None
    authority: str | None = None
    team: str | None = None


class KeyRequest(Body):
    """A key that somebody asks for."""

    role: Role
    scope: Scope = Scope()
    label: str = Field(default="", max_length=200)


def router(book: Book, now: Clock, random_bytes: Callable[[int], bytes]) -> APIRouter:
    """The routes."""
    found = APIRouter(prefix="/v1/keys")

    async def change(key_id: str, decide: Callable[[Registry], Mapping[str, Any]], access: Access) -> None:
        await book.put(
            "keys", key_id, decide, at=now(), by=access.principal.key_id, correlation_id=correlation_id.get()
        )

    @found.post("", status_code=201, response_model=None)
    async def issue(request: Request, access: Current, language: Spoken) -> dict[str, str]:
        """Issues a key: shown in this answer and never again."""
        access.require_role(Action.ISSUE_KEYS)
        try:
            wanted = parse(KeyRequest, await request.body())
            key, key_id = new_key(random_bytes), "k-" + random_bytes(8).hex()
            await change(key_id, lambda registry: _key(wanted, key, access, registry), access)
        except Faulty as faulty:
            raise problem_of(faulty, language) from None
        return {"key_id": key_id, "key": key}

    @found.delete("/{key_id}", response_model=None)
    async def revoke(key_id: str, access: Current) -> Response:
        """Revokes a key: everywhere within a second."""
        access.require_role(Action.ISSUE_KEYS)

        def decide(registry: Registry) -> Mapping[str, Any]:
            known = registry.get("keys", key_id)
            if known is None or not _may_issue(access, Role(known["role"]), known):
                raise not_found()
            return {**known, "revoked": True}

        await change(key_id, decide, access)
        return Response(status_code=204)

    return found


def _key(wanted: KeyRequest, key: str, access: Access, registry: Registry) -> Mapping[str, Any]:
    scope = wanted.scope
    document = {
        "role": wanted.role.value,
        "units": list(scope.units or ()),
        "enterprises": list(scope.enterprises or ()),
        "authority": scope.authority,
        "team": scope.team,
        "label": wanted.label,
    }
    faults = [*_lacking(wanted), *_dangling(scope, registry)]
    if not _may_issue(access, wanted.role, document):
        if access.principal.role is Role.COUNTY and wanted.role is Role.ENTERPRISE:
            raise Faulty(faults or [fault("/scope/enterprises", "scope_too_wide")])
        raise forbidden(f"A key with the role {access.principal.role} may not issue or revoke this one.")
    if faults:
        raise Faulty(faults)
    return {**document, "sha256": hash_key(key), "revoked": False}


def _may_issue(access: Access, role: Role, scope: Mapping[str, Any]) -> bool:
    if access.principal.role is Role.ADMIN:
        return True
    if access.principal.role is Role.NATIONAL:
        return role is not Role.ADMIN
    enterprises = scope.get("enterprises") or ()
    only_enterprises = (
        role is Role.ENTERPRISE
        and enterprises
        and not (scope.get("units") or scope.get("authority") or scope.get("team"))
    )
    return bool(only_enterprises) and all(
        access.allows(Action.ISSUE_KEYS, None, enterprise) for enterprise in enterprises
    )


def _lacking(wanted: KeyRequest) -> list[Fault]:
    scope = wanted.scope
    needed = {
        Role.ENTERPRISE: ("enterprises", bool(scope.enterprises)),
        Role.COUNTY: ("authority", bool(scope.authority or scope.units)),
        Role.PREFECTURE: ("authority", bool(scope.authority or scope.units)),
        Role.PROVINCE: ("authority", bool(scope.authority or scope.units)),
        Role.EXPERT: ("team", bool(scope.team or scope.units)),
    }.get(wanted.role)
    if needed is None or needed[1]:
        return []
    return [fault(f"/scope/{needed[0]}", "scope_required", role=wanted.role.value, needed=needed[0])]


def _dangling(scope: Scope, registry: Registry) -> list[Fault]:
    named = [
        *((f"/scope/units/{place}", "units", id) for place, id in enumerate(scope.units or ())),
        *((f"/scope/enterprises/{place}", "enterprises", id) for place, id in enumerate(scope.enterprises or ())),
        *([("/scope/authority", "authorities", scope.authority)] if scope.authority else []),
        *([("/scope/team", "teams", scope.team)] if scope.team else []),
    ]
    return [
        fault(pointer, "unknown_reference", kind=kind, id=id)
        for pointer, kind, id in named
        if registry.get(kind, id) is None
    ]
