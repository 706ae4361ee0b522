"""Routes that take files: NDJSON, CSV or XLSX, raw or multipart; the answer streams a line per submission."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from typing import Any, BinaryIO

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.datastructures import UploadFile

from services.intake.api.callers import Spoken, in_scope, problem_of, refusal, sender_of
from services.intake.api.submissions import RESOURCES, Resource
from services.intake.batch import Line, Outcome, ndjson_lines, sheet_lines, take
from services.intake.columns import Family
from services.intake.handlers import Intake, Sender
from services.intake.rules.faults import Faulty, fault
from services.intake.sheets import cell_of
from services.intake.spreadsheets import XLSX
from services.intake.texts import field_errors
from shared.http.auth import Current
from shared.web.languages import Language

LIMIT = 512 * 1024 * 1024
IN_MEMORY = 1024 * 1024
FAMILIES: dict[Family, str] = {
    "inspections": "inspection",
    "hazard-units": "hazard_unit",
    "rectifications": "rectification",
}
PATHS = tuple(f"{RESOURCES[kind].path}/batch" for kind in FAMILIES.values())


def router(intake: Intake) -> APIRouter:
    """The routes."""
    found = APIRouter()
    for family, kind in FAMILIES.items():
        _add(found, intake, family, RESOURCES[kind])
    return found


def _add(found: APIRouter, intake: Intake, family: Family, resource: Resource) -> None:
    async def post_batch(request: Request, access: Current, language: Spoken) -> StreamingResponse:
        """Takes the good lines of a file and names the bad ones; sending it again changes nothing."""
        action = resource.action(access.principal.role, None)
        access.require_role(action)
        file, media_type, name = await _file(request, language)
        try:
            lines = _lines(file, family, media_type, name, language)
            first = await asyncio.to_thread(next, lines, None)
        except Faulty as faulty:
            file.close()
            raise problem_of(faulty, language) from None

        def allowed(body: Any) -> bool:
            return in_scope(access, resource.action(access.principal.role, body), body.unit_id, body.enterprise_id)

        outcomes = _answers(intake, file, _chain(first, lines), family, sender_of(access, request), allowed, language)
        return StreamingResponse(outcomes, media_type="application/x-ndjson")

    found.add_api_route(
        f"{resource.path}/batch", post_batch, methods=["POST"], name=f"batch_{family}", response_model=None
    )


async def _answers(
    intake: Intake,
    file: BinaryIO,
    lines: Iterator[Line],
    family: Family,
    sender: Sender,
    allowed: Any,
    language: Language,
) -> AsyncIterator[bytes]:
    try:
        async for outcome in take(intake, lines, family, sender, allowed):
            yield orjson.dumps(_document(outcome, family, language)) + b"\n"
    except Faulty as faulty:
        # The file turned out unreadable further down: what was taken before stays taken.
        errors = [error.document() for error in field_errors(faulty.faults, language)]
        yield orjson.dumps({"line": None, "status": "unreadable", "errors": errors}) + b"\n"
    finally:
        file.close()


def _document(outcome: Outcome, family: Family, language: Language) -> dict[str, Any]:
    if outcome.answer is None:
        status = "unavailable" if outcome.away else "rejected"
        return {"line": outcome.line, "status": status, "errors": _errors(outcome, family, language)}
    found = outcome.answer.document()
    return {"line": outcome.line, **{name: found[name] for name in ("status", "submission_id", "seq", "findings")}}


def _errors(outcome: Outcome, family: Family, language: Language) -> list[dict[str, Any]]:
    """The errors; of a spreadsheet with the row and the column where each stands."""
    found = [error.document() for error in field_errors(outcome.faults, language)]
    return [{**each, **cell_of(each["pointer"], outcome.rows, family)} for each in found] if outcome.rows else found


def _chain(first: Line | None, rest: Iterator[Line]) -> Iterator[Line]:
    if first is not None:
        yield first
        yield from rest


def _lines(file: BinaryIO, family: Family, media_type: str, name: str, language: Language) -> Iterator[Line]:
    file.seek(0)
    start = file.read(4)
    file.seek(0)
    if start.startswith(b"PK") or media_type == XLSX or name.endswith(".xlsx"):
        return sheet_lines(file, family, xlsx=True)
    if media_type in ("text/csv", "application/csv", "text/tab-separated-values") or name.endswith((".csv", ".tsv")):
        return sheet_lines(file, family, xlsx=False)
    if (
        media_type in ("", "application/x-ndjson", "application/ndjson", "application/jsonl", "application/json")
        or name
    ):
        return ndjson_lines(file)
    raise refusal(415, fault("header:Content-Type", "batch_type"), language)


async def _file(request: Request, language: Language) -> tuple[BinaryIO, str, str]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        return await _from_form(request, language)
    file: Any = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed when the answer has been sent
    async for chunk in request.stream():
        file.write(chunk)
    return file, media_type, ""


async def _from_form(request: Request, language: Language) -> tuple[BinaryIO, str, str]:
    form = await request.form(max_files=1, max_fields=20)
    upload = next((value for value in form.values() if isinstance(value, UploadFile)), None)
    if upload is None:
        raise refusal(400, fault("/file", "no_file"), language)
    return upload.file, (upload.content_type or "").partition(";")[0].lower(), (upload.filename or "").lower()
