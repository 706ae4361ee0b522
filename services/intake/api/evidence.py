"""Routes of evidence files: kept by hash, never rendered inline."""

import hashlib
import re

from fastapi import APIRouter, Request, Response

from services.intake.api.callers import Caller
from services.intake.handlers import Intake
from services.intake.ports import EvidenceFile
from shared.http.auth import Access
from shared.http.permissions import PERMISSIONS, Action
from shared.http.problems import FieldError, Problem, forbidden, not_found

LIMIT = 20 * 1024 * 1024
TYPES: dict[str, tuple[bytes, ...]] = {
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/webp": (b"RIFF",),
    "application/pdf": (b"%PDF-",),
    "video/mp4": (b"\0\0\0",),
}
SENDING = (Action.SELF_INSPECT, Action.RE_EXAMINE, Action.VERIFY, Action.RECTIFY, Action.DECIDE_RECTIFICATION)


def router(intake: Intake) -> APIRouter:
    """The routes."""
    found = APIRouter(prefix="/v1/evidence")

    @found.post("", status_code=201, response_model=None)
    async def upload(request: Request, access: Caller) -> dict[str, str | int]:
        """Takes a JPEG, PNG, WebP, PDF or MP4 file as the raw body; the answer names its hash."""
        if not any(access.principal.role in PERMISSIONS[action] for action in SENDING):
            raise forbidden(f"A key with the role {access.principal.role} sends no evidence.")
        content = await _limited(request)
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        _check_type(media_type, content)
        sha256 = hashlib.sha256(content).hexdigest()
        name = re.sub(r"[^\w.\- ]", "_", request.headers.get("x-file-name", ""))[:100]
        file = EvidenceFile(sha256, media_type, name, len(content), access.principal.key_id, access.principal.id)
        await intake.evidence.put(file, content)
        return {"id": f"sha256:{sha256}", "sha256": sha256, "size": len(content), "media_type": media_type}

    @found.get("/{sha256}", response_model=None)
    async def download(sha256: str, access: Caller) -> Response:
        """The file as attachment, for its sender and whoever may read a submission that names it."""
        access.require_role(Action.READ_SUBMISSIONS)
        file = await intake.evidence.describe(sha256.removeprefix("sha256:"))
        if file is None or not await _may_read(intake, access, file):
            raise not_found()
        content = await intake.evidence.content(file.sha256)
        headers = {
            "content-disposition": f'attachment; filename="{file.sha256[:16]}.{file.media_type.rpartition("/")[2]}"',
            "cache-control": "private, max-age=3600",
            "content-security-policy": "default-src 'none'; sandbox",
        }
        return Response(content, media_type=file.media_type, headers=headers)

    return found


async def _may_read(intake: Intake, access: Access, file: EvidenceFile) -> bool:
    if file.principal == access.principal.id:
        return True
    units, enterprises = access.units(Action.READ_SUBMISSIONS), access.enterprises()
    return await intake.evidence.mentioned(file.sha256, units, enterprises)


async def _limited(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > LIMIT:
            raise Problem(413, "too_large", f"An evidence file may have {LIMIT // 1024 // 1024} MiB.")
    return bytes(content)


def _check_type(media_type: str, content: bytes) -> None:
    if media_type not in TYPES or not content.startswith(TYPES[media_type]):
        detail = f"Send one of {', '.join(TYPES)}, with its content type."
        raise Problem(415, "evidence_type", detail, [FieldError("header:Content-Type", "evidence_type", detail)])
