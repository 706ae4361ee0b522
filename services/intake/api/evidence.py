"""Routes of evidence files: kept by hash, never rendered inline."""

import hashlib
import re
import tempfile
from typing import IO
from urllib.parse import unquote

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from services.intake.api.callers import Spoken, refusal
from services.intake.handlers import Intake
from services.intake.ports import EvidenceFile
from services.intake.rules.faults import fault
from shared.http.auth import Access, Current
from shared.http.permissions import PERMISSIONS, Action
from shared.http.problems import forbidden, not_found

LIMIT = 20 * 1024 * 1024
IN_MEMORY = 1024 * 1024
# What a file of each type holds at which place; a name or a header alone proves nothing.
TYPES: dict[str, tuple[tuple[int, bytes], ...]] = {
    "image/jpeg": ((0, b"\xff\xd8\xff"),),
    "image/png": ((0, b"\x89PNG\r\n\x1a\n"),),
    "image/webp": ((0, b"RIFF"), (8, b"WEBP")),
    "application/pdf": ((0, b"%PDF-"),),
    "video/mp4": ((4, b"ftyp"),),
}
SENDING = (Action.SELF_INSPECT, Action.RE_EXAMINE, Action.VERIFY, Action.RECTIFY, Action.DECIDE_RECTIFICATION)


def router(intake: Intake) -> APIRouter:
    """The routes."""
    found = APIRouter(prefix="/v1/evidence")

    @found.post("", status_code=201, response_model=None)
    async def upload(request: Request, access: Current, language: Spoken) -> dict[str, str | int]:
        """Takes a JPEG, PNG, WebP, PDF or MP4 file as the raw body; the answer names its hash."""
        if not any(access.principal.role in PERMISSIONS[action] for action in SENDING):
            raise forbidden(f"A key with the role {access.principal.role} sends no evidence.")
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as content:
            sha256, size = await _received(request, content)
            media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if not _is_of(media_type, content):
                raise refusal(415, fault("header:Content-Type", "evidence_type", types=", ".join(TYPES)), language)
            name = re.sub(r"[^\w.\- ]", "_", unquote(request.headers.get("x-file-name", "")))[:100]
            file = EvidenceFile(sha256, media_type, name, size, access.principal.key_id, access.principal.id)
            await intake.evidence.put(file, content)
        return {"id": f"sha256:{sha256}", "sha256": sha256, "size": size, "media_type": media_type}

    @found.get("/{sha256}", response_model=None)
    async def download(sha256: str, access: Current) -> Response:
        """The file as attachment, for its sender and whoever may read a submission that names it."""
        access.require_role(Action.READ_SUBMISSIONS)
        file = await intake.evidence.describe(sha256.removeprefix("sha256:"))
        if file is None or not await _may_read(intake, access, file):
            raise not_found()
        headers = {
            "content-length": str(file.size),
            "content-disposition": f'attachment; filename="{file.sha256[:16]}.{file.media_type.rpartition("/")[2]}"',
            "cache-control": "private, max-age=3600",
            "content-security-policy": "default-src 'none'; sandbox",
        }
        content = intake.evidence.content(file.sha256)
        return StreamingResponse(content, media_type=file.media_type, headers=headers)

    return found


async def _may_read(intake: Intake, access: Access, file: EvidenceFile) -> bool:
    if file.principal == access.principal.id:
        return True
    units, enterprises = access.units(Action.READ_SUBMISSIONS), access.enterprises()
    return await intake.evidence.mentioned(file.sha256, units, enterprises)


async def _received(request: Request, content: IO[bytes]) -> tuple[str, int]:
    """The body in the file, back at its beginning: its SHA-256 (hex) and its size in bytes."""
    digest = hashlib.sha256()
    async for chunk in request.stream():
        digest.update(chunk)
        content.write(chunk)
    size = content.tell()
    content.seek(0)
    return digest.hexdigest(), size


def _is_of(media_type: str, content: IO[bytes]) -> bool:
    start = content.read(64)
    content.seek(0)
    return media_type in TYPES and all(start[at : at + len(sign)] == sign for at, sign in TYPES[media_type])
