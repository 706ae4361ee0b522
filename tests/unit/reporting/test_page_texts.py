"""The texts of reporting's pages and reports: each has its Chinese, with the same blanks, and none is left over."""

import ast
import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import services.reporting.pages
import services.reporting.render
import shared.web
from services.reporting.pages.labels import LABELS
from services.reporting.render.charts import chart
from services.reporting.render.pdf_file import report_data
from services.reporting.render.tables import tables
from services.reporting.render.texts import Texts, texts
from shared.web.languages import Catalogue
from tests.template_texts import texts_of
from tests.unit.reporting.frozen_worlds import frozen_pair

PAGES = Path(services.reporting.pages.__file__).parent
SHARED = Path(shared.web.__file__).parent
OWN_PO = PAGES / "locale" / "zh_CN" / "LC_MESSAGES" / "messages.po"
BLANKS = re.compile(r"%\(\w+\)[a-z]")


@dataclass(frozen=True, slots=True)
class Recording(Texts):
    """Notes every text that a report asks for."""

    asked: set[str] = field(default_factory=set)

    def text(self, english: str) -> str:
        self.asked.add(english)
        return english


def literals() -> set[str]:
    """Every text in the code of the renderings: some are asked for in rare cases only."""
    trees = [ast.parse(file.read_text()) for file in Path(services.reporting.render.__file__).parent.glob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return {node.value for node in nodes if isinstance(node.value, str)}


@pytest.fixture(scope="module")
def used() -> set[str]:
    return asyncio.run(_used())


async def _used() -> set[str]:
    templates = {text for file in (PAGES / "templates").glob("*.html") for text in texts_of(file.read_text())}
    recording = Recording("zh-CN", texts("zh-CN").catalogue)
    for content in await frozen_pair():
        report_data(content, recording)
        for table in tables(content, recording):
            chart(table, content, recording)
    return templates | recording.asked | set(LABELS.values()) - {""}


def translations() -> dict[str, str]:
    with OWN_PO.open("rb") as file:
        return {str(each.id): str(each.string) for each in read_po(file, locale="zh_CN") if each.id}


def test_every_text_has_its_chinese(used: set[str]) -> None:
    catalogue = Catalogue([SHARED / "locale", PAGES / "locale"])
    assert {text for text in used if not catalogue.knows(text)} == set()


def test_a_text_without_chinese_would_be_found() -> None:
    assert set(texts_of("<p>{{ _('Nobody translated this') }}{{ ngettext('one', 'many', 2) }}</p>")) == {
        "Nobody translated this",
        "many",
    }


def test_no_translation_is_left_over(used: set[str]) -> None:
    assert set(translations()) - used - literals() == set()


def test_a_translation_has_the_blanks_of_its_text() -> None:
    assert [
        text for text, chinese in translations().items() if set(BLANKS.findall(text)) != set(BLANKS.findall(chinese))
    ] == []


@pytest.mark.parametrize("file", sorted((PAGES / "templates").glob("*.html")), ids=lambda file: file.name)
def test_a_template_holds_no_script_style_or_handler_of_its_own(file: Path) -> None:
    inline = re.findall(r"<script(?![^>]*src=)[^>]*>|<style|\sstyle=|\son[a-z]+=|javascript:", file.read_text())
    assert inline == []
