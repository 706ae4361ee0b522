"""Every text of notify's pages and messages has its Chinese."""

import re
from pathlib import Path

from services.notify.messages import CLOCKS, FACT_LABELS, REASONS
from services.notify.wiring import PACKAGE
from shared.web import pages
from shared.web.languages import Catalogue

CATALOGUE = Catalogue([Path(pages.__file__).parent / "locale", PACKAGE / "locale"])


def texts() -> set[str]:
    found = {*REASONS.values(), *CLOCKS.values(), *FACT_LABELS.values()}
    for template in (PACKAGE / "templates").iterdir():
        found |= set(re.findall(r'_\("([^"]+)"', template.read_text("utf-8")))
    return found


def test_every_text_is_translated() -> None:
    assert sorted(text for text in texts() if not CATALOGUE.knows(text)) == []


def test_a_text_without_chinese_would_be_found() -> None:
    assert not CATALOGUE.knows("No such text")
