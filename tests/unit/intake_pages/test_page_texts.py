"""The texts of intake's pages: each has its Chinese, with the same blanks, and none is left over."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import services.intake.pages
import shared.web
from services.intake.pages.labels import LABELS
from shared import rulesets
from shared.rulesets.grading import GradingTable
from shared.web.grading_titles import GRADING_EN
from shared.web.languages import Catalogue
from tests.template_texts import texts_of

PAGES = Path(services.intake.pages.__file__).parent
SHARED = Path(shared.web.__file__).parent
OWN_PO = PAGES / "locale" / "zh_CN" / "LC_MESSAGES" / "messages.po"
BLANKS = re.compile(r"\{\w+\}|%\(\w+\)[a-z]")


def used() -> set[str]:
    templates = [texts_of(file.read_text()) for file in (PAGES / "templates").glob("*.html")]
    labels = [text for words in LABELS.values() for text in words.values()]
    return {text for found in templates for text in found} | set(labels)


def untranslated(texts: set[str]) -> set[str]:
    catalogue = Catalogue([SHARED / "locale", PAGES / "locale"])
    return {text for text in texts if not catalogue.knows(text)}


def translations() -> dict[str, str]:
    with OWN_PO.open("rb") as file:
        return {str(each.id): str(each.string) for each in read_po(file, locale="zh_CN") if each.id}


def test_every_text_has_its_chinese() -> None:
    assert untranslated(used()) == set()


def test_a_text_without_chinese_would_be_found() -> None:
    assert untranslated(set(texts_of("<p>{{ _('Nobody translated this') }}</p>"))) == {"Nobody translated this"}


def test_no_translation_is_left_over() -> None:
    assert set(translations()) - used() == set()


def test_a_translation_has_the_blanks_of_its_text() -> None:
    assert [
        text for text, chinese in translations().items() if set(BLANKS.findall(text)) != set(BLANKS.findall(chinese))
    ] == []


def test_every_grading_item_has_an_english_name() -> None:
    rules = rulesets.load()
    assert set(GRADING_EN) == set(rules.get("enterprise-grading-2018-19", 1).of(GradingTable).items)


@pytest.mark.parametrize("file", sorted((PAGES / "templates").glob("*.html")), ids=lambda file: file.name)
def test_a_template_holds_no_script_style_or_handler_of_its_own(file: Path) -> None:
    source = file.read_text()
    inline = re.findall(r'<script(?![^>]*(?:src=|type="application/json"))[^>]*>', source)
    assert inline + re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:", source) == []


def test_the_scripts_use_only_texts_that_their_pages_carry() -> None:
    carried = "".join(file.read_text() for file in (PAGES / "templates").glob("*.html"))
    names = {
        name for file in (PAGES / "static").glob("*.js") for name in re.findall(r"\btexts\.(\w+)", file.read_text())
    }
    assert names - set(re.findall(r'"(\w+)":', carried)) == set()
