"""The routes of evaluations: freeze, read in any format, verify a file."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict
from starlette.datastructures import UploadFile

from services.reporting.freezing import Evaluations, Frozen
from services.reporting.parts import Parts
from services.reporting.render.files import MEDIA_TYPES
from shared.events.base import RoundId
from shared.http.auth import Access, Current
from shared.http.permissions import Action
from shared.http.problems import not_found
from shared.web.languages import language_of


class EvaluationAsked(BaseModel):
    """Which evaluation to freeze; `unit_id` null for the national one."""

    model_config = ConfigDict(extra="forbid")

    round_id: RoundId
    unit_id: str | None = None


def evaluation_routes(parts: Parts) -> APIRouter:
    router = APIRouter(prefix="/v1/evaluations", tags=["evaluations"])

    @router.post("", status_code=201)
    async def freeze(access: Current, asked: EvaluationAsked) -> Response:
        access.require(Action.FREEZE_EVALUATION, asked.unit_id)
        if asked.unit_id is None and access.units(Action.FREEZE_EVALUATION) is not None:
            raise not_found()
        found = await parts.freezer.freeze(asked.round_id, asked.unit_id, access.principal.id)
        if found is None:
            raise not_found("The round has no results there yet.")
        return Response(found.body, 201, {"location": f"/v1/evaluations/{found.id}"}, "application/json")

    @router.get("/{evaluation_id}")
    async def read(request: Request, access: Current, evaluation_id: str) -> Response:
        name, _, suffix = evaluation_id.partition(".")
        form = next((known for known in MEDIA_TYPES if known == (suffix or "json")), None)
        if form is None:
            raise not_found("There is JSON, CSV, XLSX and PDF.")
        found = await readable(parts.evaluations, access, name)
        file = await parts.renderings.render(found, form, language_of(request))
        headers = {"content-disposition": f'attachment; filename="evaluation-{name}.{form}"'} if suffix else {}
        return Response(file, 200, headers, MEDIA_TYPES[form])

    @router.post("/verify")
    async def verify(request: Request, access: Current) -> dict[str, Any]:
        """Whether a file, sent as the body or as a form's first file, is a genuine evaluation that the caller may
        read.
        """
        access.require_role(Action.READ_RISK)
        verdict = await parts.renderings.verify(await _sent(request))
        if verdict.genuine and verdict.evaluation_id:
            await readable(parts.evaluations, access, verdict.evaluation_id)
        return asdict(verdict)

    return router


async def _sent(request: Request) -> bytes:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await request.body()
    async with request.form(max_files=1, max_fields=4) as form:
        files = [value for value in form.values() if isinstance(value, UploadFile)]
        return await files[0].read() if files else b""


async def readable(evaluations: Evaluations, access: Access, evaluation_id: str) -> Frozen:
    """The evaluation, when the caller may read all it covers; 404 otherwise."""
    access.require_role(Action.READ_RISK)
    found = await evaluations.get(evaluation_id)
    if found is None:
        raise not_found()
    if found.unit_id is not None:
        access.require(Action.READ_RISK, found.unit_id)
    elif access.units(Action.READ_RISK) is not None or access.enterprises() is not None:
        raise not_found()
    return found
