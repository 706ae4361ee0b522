"""Renders a frozen evaluation in any format, and tells whether a file is one of its renderings. Called by the API."""

import io
import json
import re
import zipfile
from dataclasses import dataclass
from typing import Any, Literal

from services.reporting.freezing import Evaluations, Frozen, genuine
from services.reporting.render.csv_file import render_csv
from services.reporting.render.pdf_file import PdfRenderer
from services.reporting.render.texts import texts
from services.reporting.render.xlsx_file import render_xlsx
from shared.web.languages import LANGUAGES, Language

Format = Literal["json", "csv", "xlsx", "pdf"]
MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
LARGEST = 64 * 1024 * 1024
_NAMED = re.compile(rb"keycounty-evaluation:([0-9a-f]{8}-[0-9a-f-]{27})")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a file is genuine, as which evaluation; `reason` is a stable code when it is not."""

    genuine: bool
    evaluation_id: str | None
    format: Format | None
    sha256: str | None
    reason: str | None


class Renderings:
    """The four formats of an evaluation, rendered anew each time: the same evaluation gives the same bytes."""

    def __init__(self, evaluations: Evaluations, pdf: PdfRenderer) -> None:
        self._evaluations = evaluations
        self._pdf = pdf

    async def render(self, evaluation: Frozen, form: Format, language: Language) -> bytes:
        """The file's bytes; JSON is the canonical form itself, whatever the language."""
        if form == "json":
            return evaluation.body.encode()
        content, words = evaluation.content(), texts(language)
        if form == "pdf":
            return await self._pdf.render(content, words)
        return render_csv(content, words) if form == "csv" else render_xlsx(content, words)

    async def verify(self, file: bytes) -> Verdict:
        """Compares a file with what is kept: JSON by its hash, the others byte for byte with a rendering."""
        form = format_of(file)
        if form == "json":
            return await self._verify_json(file)
        name = name_in(file, form) if form else None
        kept = await self._evaluations.get(name) if name else None
        if kept is None or form is None:
            return Verdict(False, name, form, None, "unknown_evaluation" if name else "no_evaluation")
        for language in LANGUAGES:
            if await self.render(kept, form, language) == file:
                return Verdict(True, kept.id, form, kept.sha256, None)
        return Verdict(False, kept.id, form, kept.sha256, "altered")

    async def _verify_json(self, file: bytes) -> Verdict:
        try:
            content: Any = json.loads(file)
        except ValueError:
            return Verdict(False, None, "json", None, "no_evaluation")
        name = content.get("evaluation_id") if isinstance(content, dict) else None
        if not isinstance(name, str):
            return Verdict(False, None, "json", None, "no_evaluation")
        if not _intact(content):
            return Verdict(False, name, "json", None, "altered")
        kept = await self._evaluations.get(name)
        if kept is None or kept.sha256 != content["sha256"]:
            return Verdict(False, name, "json", content["sha256"], "unknown_evaluation")
        return Verdict(True, name, "json", kept.sha256, None)


def _intact(content: dict[str, Any]) -> bool:
    try:
        return genuine(content)
    except ValueError:  # numbers or texts that canonical JSON cannot hold
        return False


def format_of(file: bytes) -> Format | None:
    """The format a file's first bytes show."""
    if file.startswith(b"PK"):
        return "xlsx"
    if file.startswith(b"%PDF"):
        return "pdf"
    if file.lstrip()[:1] == b"{":
        return "json"
    return "csv" if file.startswith(b"\xef\xbb\xbf") else None


def name_in(file: bytes, form: Format) -> str | None:
    """The evaluation's id that a rendering carries."""
    if form == "xlsx":
        try:
            with zipfile.ZipFile(io.BytesIO(file)) as archive:
                info = archive.getinfo("docProps/core.xml")
                file = archive.read(info) if info.file_size < LARGEST else b""
        except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, EOFError, ValueError):
            return None
    found = _NAMED.search(file)
    return found.group(1).decode() if found else None
