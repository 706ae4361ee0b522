"""Routes of the registry: PUT, GET, DELETE and lists of its kinds, with ETag and If-Match."""

from collections.abc import Mapping
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Header, Request, Response

from services.intake.api.callers import Spoken, problem_of
from services.intake.book import Book
from services.intake.rules.faults import Faulty, fault
from services.intake.rules.parsing import parse
from services.intake.rules.registry import SHAPES, Authority, RegistryKind, faults_of, references_to
from services.intake.sealing import SealContacts
from shared.clock import Clock
from shared.http.auth import Access, Current
from shared.http.paging import Cursor, Limit, decode_cursor, page
from shared.http.permissions import Action
from shared.http.problems import Problem, conflict, not_found
from shared.registry import Registry
from shared.telemetry import correlation_id

KINDS: tuple[RegistryKind, ...] = get_args(RegistryKind)
LOCAL = ("enterprises", "parks")
SERVER_FIELDS = ("id", "revision", "updated_at")
Condition = Annotated[str | None, Header()]


def router(book: Book, now: Clock, seal: SealContacts) -> APIRouter:
    """The routes."""
    found = APIRouter(prefix="/v1/registry")

    @found.put("/{kind}/{id}", response_model=None)
    async def put(
        kind: RegistryKind,
        id: str,
        request: Request,
        access: Current,
        language: Spoken,
        if_match: Condition = None,
        if_none_match: Condition = None,
    ) -> Response:
        """Puts an object; 201 when it is new."""
        access.require_role(_action(kind))
        raw = await request.body()

        def decide(registry: Registry) -> Mapping[str, Any]:
            document = _checked(kind, id, raw, access, registry, seal)
            _match(registry, kind, id, if_match, if_none_match)
            return document

        was_new = book.registry.get(kind, id) is None
        try:
            change = await book.put(
                kind, id, decide, at=now(), by=access.principal.key_id, correlation_id=correlation_id.get()
            )
        except Faulty as faulty:
            raise problem_of(faulty, language) from None
        return _answer(kind, id, change.object or {}, change.revision, 201 if was_new else 200)

    @found.get("/{kind}/{id}", response_model=None)
    async def get(kind: RegistryKind, id: str, access: Current, if_none_match: Condition = None) -> Response:
        """An object, with its ETag."""
        found = book.registry.get(kind, id)
        if found is None or not _may_read(access, kind, id, found):
            access.require_role(Action.READ_REGISTRY)
            raise not_found()
        revision = book.registry.revision(kind, id)
        if if_none_match == _etag(revision):
            return Response(status_code=304, headers={"etag": _etag(revision)})
        return _answer(kind, id, found, revision, 200)

    @found.delete("/{kind}/{id}", response_model=None)
    async def delete(kind: RegistryKind, id: str, access: Current, if_match: Condition = None) -> Response:
        """Deletes an object that nothing refers to."""
        access.require_role(_action(kind))

        def decide(registry: Registry) -> None:
            found = registry.get(kind, id)
            if found is None or not _may_write(access, kind, found):
                raise not_found()
            _match(registry, kind, id, if_match, None)
            if referring := references_to(kind, id, registry):
                named = ", ".join(referring)
                raise conflict("referenced", f"Still referred to by {named}.", f"仍被以下对象引用：{named}。")

        await book.put(kind, id, decide, at=now(), by=access.principal.key_id, correlation_id=correlation_id.get())
        return Response(status_code=204)

    @found.get("/{kind}", response_model=None)
    async def list_kind(
        kind: RegistryKind, access: Current, limit: Limit = 100, cursor: Cursor = None
    ) -> dict[str, Any]:
        """The objects of a kind that the caller may read, by id."""
        access.require_role(Action.READ_REGISTRY)
        after = str(decode_cursor(cursor).get("id", "")) if cursor else ""
        ids = sorted(id for id in book.registry.all(kind) if id > after)
        readable: list[tuple[str, Mapping[str, Any]]] = []
        for id in ids:
            found = book.registry.all(kind)[id]
            if _may_read(access, kind, id, found):
                readable.append((id, found))
                if len(readable) > limit:
                    break
        items = [_shown(kind, id, found, book.registry.revision(kind, id)) for id, found in readable[:limit]]
        return page(items, {"id": items[-1]["id"]} if len(readable) > limit else None)

    return found


def _checked(
    kind: RegistryKind, id: str, raw: bytes, access: Access, registry: Registry, seal: SealContacts
) -> Mapping[str, Any]:
    body = parse(SHAPES[kind], _without_server_fields(raw, id))
    faults = faults_of(kind, id, body, registry)
    document = body.model_dump(mode="json", by_alias=True)
    allowed = _may_write(access, kind, document) and _may_replace(access, kind, registry.get(kind, id))
    if not allowed:
        raise not_found()
    if faults:
        raise Faulty(faults)
    return seal(document, registry.get(kind, id)) if isinstance(body, Authority) else document


def _without_server_fields(raw: bytes, id: str) -> bytes:
    """What a GET answered may be PUT back: the fields that the server adds are taken out again."""
    import orjson

    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw
    if not isinstance(document, dict) or not any(name in document for name in SERVER_FIELDS):
        return raw
    if document.get("id", id) != id:
        raise Faulty([fault("/id", "id_mismatch")])
    return orjson.dumps({name: value for name, value in document.items() if name not in SERVER_FIELDS})


def _action(kind: RegistryKind) -> Action:
    return Action.REGISTER_LOCAL if kind in LOCAL else Action.REGISTER


def _may_write(access: Access, kind: RegistryKind, found: Mapping[str, Any]) -> bool:
    return access.allows(_action(kind), found["unit_id"]) if kind in LOCAL else access.allows(_action(kind))


def _may_replace(access: Access, kind: RegistryKind, before: Mapping[str, Any] | None) -> bool:
    # A county may not take an enterprise over from another county by putting it into a unit of its own.
    return before is None or _may_write(access, kind, before)


def _may_read(access: Access, kind: RegistryKind, id: str, found: Mapping[str, Any]) -> bool:
    if kind == "enterprises":
        return access.allows(Action.READ_REGISTRY, found["unit_id"], id)
    if kind in ("parks", "enrolments"):
        return _reaches_unit(access, found["unit_id"])
    if kind == "units":
        return _reaches_unit(access, id)
    return access.allows(Action.READ_REGISTRY, None, None) or bool(_own_units(access)) or kind == "rounds"


def _reaches_unit(access: Access, unit_id: str) -> bool:
    return access.allows(Action.READ_REGISTRY, unit_id) or unit_id in _own_units(access)


def _own_units(access: Access) -> frozenset[str]:
    own = access.enterprises()
    if own is None:
        return access.units(Action.READ_REGISTRY) or frozenset()
    registered = (access.registry.enterprise(enterprise) for enterprise in own)
    return frozenset(str(found["unit_id"]) for found in registered if found is not None)


def _match(registry: Registry, kind: str, id: str, if_match: str | None, if_none_match: str | None) -> None:
    exists = registry.get(kind, id) is not None
    present = _etag(registry.revision(kind, id)) if exists else None
    if if_match is not None and (not exists or (if_match != "*" and if_match != present)):
        detail = "The object is not the one that If-Match names; read it again."
        raise Problem(412, "changed_meanwhile", detail, zh="对象已不是 If-Match 所指的版本，请重新读取。")
    if if_none_match == "*" and exists:
        raise Problem(412, "exists", "The object is there already.", zh="该对象已存在。")


def _etag(revision: int) -> str:
    return f'"{revision}"'


def _answer(kind: str, id: str, found: Mapping[str, Any], revision: int, status: int) -> Response:
    import orjson

    body = orjson.dumps(_shown(kind, id, found, revision))
    return Response(body, status, {"etag": _etag(revision)}, media_type="application/json")


def _shown(kind: str, id: str, found: Mapping[str, Any], revision: int) -> dict[str, Any]:
    shown = {"id": id, **found, "revision": revision}
    if kind == "authorities":
        hidden = ("target", "secret")
        shown["contacts"] = [
            {name: value for name, value in contact.items() if name not in hidden}
            for contact in found.get("contacts") or ()
        ]
    return shown
