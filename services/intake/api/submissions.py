"""Routes that take submissions and withdraw what was declared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import rfc8785
from fastapi import APIRouter, Query, Request, Response

from services.intake.api.callers import (
    Key,
    Spoken,
    idempotency_key,
    in_scope,
    problem_of,
    require_place,
    sender_of,
)
from services.intake.handlers import Intake, Posted, faults_of, faults_of_part, open_evidence, rehearse, submit
from services.intake.rules import bodies
from services.intake.rules.checks import assess, check
from services.intake.rules.faults import Faulty
from services.intake.rules.parsing import Malformed, parse
from shared.http.auth import Access, Current
from shared.http.permissions import Action, Role
from shared.http.problems import not_found


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of submission: its route, its body, and the action each role needs."""

    path: str
    model: type[bodies.Body]
    action: Callable[[Role, Any], Action]


def _by_role(found: Mapping[Role, Action], other: Action) -> Callable[[Role, Any], Action]:
    return lambda role, _: found.get(role, other)


def _always(action: Action) -> Callable[[Role, Any], Action]:
    return lambda _role, _body: action


_STAGES = {Role.COUNTY: Action.RE_EXAMINE, Role.EXPERT: Action.VERIFY}
_DECIDERS = dict.fromkeys((Role.COUNTY, Role.EXPERT), Action.DECIDE_RECTIFICATION)
RESOURCES: Mapping[str, Resource] = {
    "inspection": Resource("/v1/inspections", bodies.Inspection, _by_role(_STAGES, Action.SELF_INSPECT)),
    "hazard_unit": Resource("/v1/hazard-units", bodies.HazardUnit, _always(Action.DECLARE)),
    "installation": Resource("/v1/installations", bodies.Installation, _always(Action.DECLARE)),
    "rectification": Resource("/v1/rectifications", bodies.Rectification, _by_role(_DECIDERS, Action.RECTIFY)),
    "accident": Resource("/v1/accidents", bodies.Accident, _always(Action.REPORT_ACCIDENT)),
    "park_assessment": Resource("/v1/park-assessments", bodies.ParkAssessment, _always(Action.ASSESS_PARK)),
    "key_task_progress": Resource("/v1/key-task-progress", bodies.KeyTaskProgress, _always(Action.PROGRESS_KEY_TASK)),
    "guidance_record": Resource("/v1/guidance-records", bodies.GuidanceRecord, _always(Action.RECORD_GUIDANCE)),
}


def router(intake: Intake) -> APIRouter:
    """The routes."""
    found = APIRouter()
    _add_assess(found, intake)
    for kind, resource in RESOURCES.items():
        _add_post(found, intake, kind, resource)
    for kind, path in (("hazard_unit", "/v1/hazard-units/{id}"), ("installation", "/v1/installations/{id}")):
        _add_withdrawal(found, intake, kind, path)
    return found


def _add_post(found: APIRouter, intake: Intake, kind: str, resource: Resource) -> None:
    async def post(
        request: Request, access: Current, language: Spoken, key: Key = None, dry_run: bool = False
    ) -> Response:
        access.require_role(resource.action(access.principal.role, None))
        given = idempotency_key(key, language)
        try:
            return await _take(intake, resource, request, access, given, dry_run)
        except Faulty as faulty:
            for each in faulty.faults:
                intake.metrics.refused.labels(each.code).inc()
            raise problem_of(faulty, language) from None

    post.__doc__ = f"Submit ({kind}); see the contract for the body."
    found.add_api_route(
        resource.path,
        post,
        methods=["POST"],
        status_code=201,
        name=f"post_{kind}",
        openapi_extra=body_of(resource.model),
        response_model=None,
    )


def body_of(model: type[bodies.Body]) -> dict[str, Any]:
    """What OpenAPI says of a body that the route reads itself, for the exact bytes are signed."""
    whole = model.model_json_schema()
    schema = _inlined(whole, whole.get("$defs", {}))
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(value, definitions) for name, value in schema.items() if name != "$defs"}


async def _take(
    intake: Intake, resource: Resource, request: Request, access: Access, key: str, dry_run: bool
) -> Response:
    raw = await request.body()
    action = resource.action(access.principal.role, None)
    sender = sender_of(access, request)

    def is_allowed(found: Any) -> bool:
        return in_scope(access, action, found.unit_id, getattr(found, "enterprise_id", None))

    try:
        body: Any = parse(resource.model, raw)
    except Malformed as wrong:
        raise Faulty([*wrong.faults, *await faults_of_part(intake, wrong.part, sender, is_allowed)]) from wrong
    allowed = is_allowed(body)
    faults = await faults_of(intake, body, sender, in_scope=allowed)
    if not allowed:
        if faults:
            raise Faulty(faults)
        require_place(access, action, body.unit_id, getattr(body, "enterprise_id", None))
    posted = Posted(raw, body, key)
    if dry_run:
        await rehearse(intake, posted, sender, faults)
        return _json({"valid": True}, 200)
    if not faults:
        await open_evidence(intake, body)
    answer = await submit(intake, posted, sender, faults)
    return _json(answer.document(), 201)


def _json(document: Mapping[str, Any], status: int) -> Response:
    import orjson

    return Response(orjson.dumps(document), status, media_type="application/json")


def _add_assess(found: APIRouter, intake: Intake) -> None:
    @found.post("/v1/hazard-units/assess", response_model=None, openapi_extra=body_of(bodies.Assessment))
    async def assess_hazard_unit(request: Request, _: Current, language: Spoken) -> dict[str, Any]:
        """S, R and level of a hazard unit by GB 18218-2018; nothing is stored."""
        try:
            body = parse(bodies.Assessment, await request.body())
            if faults := check(body.model_copy(update={"enterprise_id": None}), intake.rules):
                raise Faulty(faults)
        except Faulty as faulty:
            raise problem_of(faulty, language) from None
        return _assessment(assess(body, intake.rules))


def _assessment(made: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "s": made.s,
        "r": made.r,
        "level": made.level,
        "alpha": made.alpha,
        "contributions": [asdict(each) for each in made.contributions],
        "rule_set": "gb18218-2018",
    }


def _add_withdrawal(found: APIRouter, intake: Intake, kind: Any, path: str) -> None:
    async def withdraw(
        id: str,
        request: Request,
        access: Current,
        language: Spoken,
        reason: Annotated[str | None, Query(max_length=4000)] = None,
        enterprise_id: str | None = None,
        drill: bool = False,
        key: Key = None,
    ) -> Response:
        access.require_role(Action.DECLARE)
        named = enterprise_id or _only_enterprise(access)
        access.require(Action.DECLARE, None, named)
        body = bodies.Withdrawal(
            kind=kind, id=id, enterprise_id=named, unit_id=_unit_of(access, named), reason=reason, drill=drill
        )
        record = rfc8785.dumps(body.model_dump(mode="json"))
        given = await _withdrawal_key(intake, body) if key is None else idempotency_key(key, language)
        posted = Posted(record, body, given)
        try:
            answer = await submit(intake, posted, sender_of(access, request), [])
        except Faulty as faulty:
            if any(fault.code == f"unknown_{kind}" for fault in faulty.faults):
                raise not_found() from None
            raise problem_of(faulty, language) from None
        return _json(answer.document(), 200)

    found.add_api_route(path, withdraw, methods=["DELETE"], name=f"withdraw_{kind}", response_model=None)


def _only_enterprise(access: Access) -> str:
    own = access.principal.enterprises
    if len(own) != 1:
        raise not_found("Say which enterprise with ?enterprise_id=.", "请用 ?enterprise_id= 指明企业。")
    return min(own)


def _unit_of(access: Access, enterprise_id: str) -> str:
    registered = access.registry.enterprise(enterprise_id)
    if registered is None:
        raise not_found()
    return str(registered["unit_id"])


async def _withdrawal_key(intake: Intake, body: bodies.Withdrawal) -> str:
    # Without a key of the caller's, withdrawing the same declaration twice is the same withdrawal.
    heads = await intake.submissions.heads([body.enterprise_id])
    mode = "drill" if body.drill else "real"
    return f"withdrawal:{heads[body.enterprise_id].versions.get(f'{body.kind}|{body.id}|{mode}')}"
