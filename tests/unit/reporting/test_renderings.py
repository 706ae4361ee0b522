"""Files of an evaluation: the same bytes each time, the same figures in all, and a touched file is found out."""

import csv
import io
import json
import os
import re
import signal

import openpyxl
import pytest
from pypdf import PdfReader

from services.reporting.freezing import Frozen, seal
from services.reporting.render.files import Renderings, format_of
from services.reporting.render.pdf_file import PdfRenderer, compile_report, report_data, shown
from services.reporting.render.tables import tables
from services.reporting.render.texts import texts
from services.reporting.stores.memory import MemoryEvaluations
from shared.web.languages import LANGUAGES, Language
from tests.unit.reporting.test_freezing import ROUND, UNIT, Waiting, county, freezer


class InProcess(PdfRenderer):
    """Renders without a child process."""

    async def render(self, content, texts):  # type: ignore[no-untyped-def]
        return compile_report(json.dumps(report_data(content, texts), ensure_ascii=False), 1)


@pytest.fixture
async def frozen() -> Frozen:
    found = await freezer(await county(), Waiting()).freeze(ROUND, UNIT, "key:test")
    assert found is not None
    return found


@pytest.fixture
async def renderings(frozen: Frozen) -> Renderings:
    evaluations = MemoryEvaluations()
    await evaluations.add(frozen)
    return Renderings(evaluations, InProcess())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", ["json", "csv", "xlsx", "pdf"])
async def test_a_rendering_is_the_same_bytes_each_time_and_genuine(
    renderings: Renderings, frozen: Frozen, form: str, language: Language
) -> None:
    file = await renderings.render(frozen, form, language)  # type: ignore[arg-type]
    assert await renderings.render(frozen, form, language) == file  # type: ignore[arg-type]
    assert format_of(file) == form
    verdict = await renderings.verify(file)
    assert (verdict.genuine, verdict.evaluation_id, verdict.sha256) == (True, frozen.id, frozen.sha256)


@pytest.mark.parametrize("form", ["csv", "xlsx", "pdf"])
async def test_one_changed_byte_is_found_out(renderings: Renderings, frozen: Frozen, form: str) -> None:
    file = bytearray(await renderings.render(frozen, form, "en"))  # type: ignore[arg-type]
    file[len(file) // 2] ^= 1
    assert not (await renderings.verify(bytes(file))).genuine


async def test_a_changed_figure_is_found_out_and_a_reformatted_file_is_not_held_against_it(
    renderings: Renderings, frozen: Frozen
) -> None:
    content = json.loads(frozen.body)
    assert (await renderings.verify(json.dumps(content, indent=2).encode())).genuine
    assert (await renderings.verify(json.dumps(content | {"index": 91.3}).encode())).reason == "altered"


async def test_an_evaluation_that_nobody_froze_is_not_genuine(renderings: Renderings) -> None:
    forged = seal({"round_id": ROUND, "unit_id": UNIT, "frozen_at": "2023-01-01T00:00:00Z", "index": 100})
    assert (await renderings.verify(forged.body.encode())).reason == "unknown_evaluation"


@pytest.mark.parametrize(
    "file", [b"", b"{", b"[]", b"PK\x03\x04", b"%PDF-1.7", b"\xef\xbb\xbfa,b", b"\x00" * 100, b'{"evaluation_id": 3}']
)
async def test_any_other_file_is_not_genuine(renderings: Renderings, file: bytes) -> None:
    assert not (await renderings.verify(file)).genuine


async def test_the_sheets_hold_the_figures_of_the_json(renderings: Renderings, frozen: Frozen) -> None:
    book = openpyxl.load_workbook(io.BytesIO(await renderings.render(frozen, "xlsx", "en")))
    sheet = next(sheet for sheet in book if "What the index" in sheet.title)
    found = {row[0]: row[1] for row in sheet.iter_rows(min_row=4, values_only=True)}
    wanted = {row["id"]: row["score"] for row in frozen.content()["components"]}
    assert found["Three-stage coverage"] == wanted["coverage"]
    assert sheet.freeze_panes == "B4"
    assert len(book.sheetnames) == len(tables(frozen.content(), texts("en")))


async def test_the_csv_holds_every_row_of_every_table(renderings: Renderings, frozen: Frozen) -> None:
    file = (await renderings.render(frozen, "csv", "zh-CN")).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(file)))
    for table in tables(frozen.content(), texts("zh-CN")):
        assert [table.title] in rows
        for row in table.rows:
            assert ["" if cell is None else str(cell) for cell in row] in rows


async def test_a_cell_that_looks_like_a_formula_is_disarmed(frozen: Frozen) -> None:
    from services.reporting.render.csv_file import render_csv

    evil = frozen.content() | {"name": {"zh": "=HYPERLINK(1)", "en": "=HYPERLINK(1)"}}
    assert "'=HYPERLINK" in render_csv(evil, texts("en")).decode()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_pdf_says_what_the_json_says(renderings: Renderings, frozen: Frozen, language: Language) -> None:
    file = await renderings.render(frozen, "pdf", language)
    flat = "".join("".join(page.extract_text() for page in PdfReader(io.BytesIO(file)).pages).split())
    for table in tables(frozen.content(), texts(language)):
        assert "".join(table.title.split()) in flat
        for row in table.rows:
            kinds = [kind for _, kind in table.columns]
            for cell, kind in zip(row, kinds, strict=True):
                if kind != "text" and cell is not None:
                    assert "".join(shown(cell, kind).split()) in flat


async def test_a_child_that_was_killed_is_replaced(frozen: Frozen) -> None:
    renderer, content = PdfRenderer(), frozen.content()
    first = await renderer.render(content, texts("en"))
    assert renderer._pool is not None
    for child in list(renderer._pool._processes):
        os.kill(child, signal.SIGKILL)
    assert await renderer.render(content, texts("en")) == first
    renderer.stop()


async def test_the_pdf_is_tagged_and_names_the_standards_it_keeps(renderings: Renderings, frozen: Frozen) -> None:
    file = await renderings.render(frozen, "pdf", "en")
    assert b"/MarkInfo" in file
    assert b"/StructTreeRoot" in file
    assert re.search(rb"pdfaid:part>2<.*pdfaid:conformance>B<", file, re.DOTALL)
    assert b"pdfuaid:part>1<" in file


def test_a_hundred_percent_is_only_said_of_all() -> None:
    assert shown(0.9999, "percent") == "99.9 %"
    assert shown(1, "percent") == "100 %"


def test_every_text_of_pages_and_reports_is_translated() -> None:
    from services.reporting.pages.labels import LABELS

    words = texts("zh-CN")
    untranslated = [text for text in LABELS.values() if text and words.text(text) == text]
    assert untranslated == []
