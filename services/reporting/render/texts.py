"""The words of a rendering in one language; the same catalogue as the pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.reporting.pages.labels import label
from shared.web.languages import Catalogue, Language, in_language

FOLDER = Path(__file__).parents[1] / "pages" / "locale"


@dataclass(frozen=True, slots=True)
class Texts:
    """`text` translates English, `code` a code of the figures, `name` picks from a registry name."""

    language: Language
    catalogue: Catalogue

    def text(self, english: str) -> str:
        return self.catalogue.gettext(self.language, english)

    def code(self, code: object) -> str:
        return "" if code is None else self.text(label(code))

    def name(self, names: Mapping[str, str] | str | None) -> str:
        return in_language(names, self.language)

    def either(self, texts: Mapping[str, Any]) -> str:
        """The text of a pair `{zh, en}`."""
        return str(texts["zh" if self.language == "zh-CN" else "en"])


def texts(language: Language) -> Texts:
    """The words in a language."""
    return Texts(language, Catalogue([FOLDER]))
