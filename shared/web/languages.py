"""Choosing between zh-CN and English, and the translations of both; used by pages and by messages to contacts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from babel.messages.pofile import read_po
from starlette.requests import Request

Language = Literal["zh-CN", "en"]
LANGUAGES: tuple[Language, ...] = ("zh-CN", "en")
LANGUAGE_COOKIE = "kc_lang"


def as_language(text: str | None) -> Language | None:
    """The language a tag such as `zh_CN`, `zh-Hans-CN` or `en-GB` asks for, None for others."""
    primary = (text or "").strip().lower().replace("_", "-").split("-")[0]
    return "zh-CN" if primary == "zh" else "en" if primary == "en" else None


def from_accept(header: str) -> Language | None:
    """The best of our languages in an `Accept-Language` header."""
    weighted: list[tuple[float, int, str]] = []
    for place, part in enumerate(header.split(",")):
        tag, _, quality = part.partition(";q=")
        try:
            weighted.append((-float(quality or 1), place, tag))
        except ValueError:
            continue
    return next((found for _, _, tag in sorted(weighted) if (found := as_language(tag))), None)


def language_of(request: Request) -> Language:
    """`?lang=`, else the cookie, else `Accept-Language`, else zh-CN."""
    return (
        as_language(request.query_params.get("lang"))
        or as_language(request.cookies.get(LANGUAGE_COOKIE))
        or from_accept(request.headers.get("accept-language", ""))
        or "zh-CN"
    )


class Catalogue:
    """zh-CN texts for English ones, read from `messages.po` below each of `folders`. English is its own source."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._texts: dict[str, str] = {}
        for folder in folders:
            self._read(folder / "zh_CN" / "LC_MESSAGES" / "messages.po")

    def _read(self, file: Path) -> None:
        if not file.exists():
            return
        with file.open("rb") as opened:
            for message in read_po(opened, locale="zh_CN"):
                if isinstance(message.id, str) and message.id and isinstance(message.string, str) and message.string:
                    self._texts[message.id] = message.string

    def gettext(self, language: Language, text: str) -> str:
        """The text in a language; an untranslated one stays English (a test finds those)."""
        return self._texts.get(text, text) if language == "zh-CN" else text

    def ngettext(self, language: Language, one: str, many: str, count: int) -> str:
        """Chinese has one form, kept under the plural's text."""
        if language == "zh-CN":
            return self._texts.get(many, many)
        return one if count == 1 else many

    def knows(self, text: str) -> bool:
        return text in self._texts


def in_language(texts: Mapping[str, str] | str | None, language: Language) -> str:
    """A registry name `{"zh", "en"}` in a language, the other one when only that is there."""
    if texts is None:
        return ""
    if isinstance(texts, str):
        return texts
    first, second = ("zh", "en") if language == "zh-CN" else ("en", "zh")
    return texts.get(first) or texts.get(second) or ""
