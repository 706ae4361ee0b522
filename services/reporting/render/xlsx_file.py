"""An evaluation as XLSX: a sheet per table, headings frozen, numbers as numbers, no formulas. Reproducible bytes."""

import io
from datetime import datetime
from typing import Any

import xlsxwriter

from services.reporting.render.table import notices, place, report_title
from services.reporting.render.tables import Content, Table, tables
from services.reporting.render.texts import Texts

_FORMATS = {"count": "0", "number": "0.0", "percent": "0.0%", "text": "@", "word": "@"}
_WIDTHS = {"text": 46, "word": 22}
_FIGURE_WIDTH = 14
_OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def render_xlsx(content: Content, texts: Texts) -> bytes:
    """The file's bytes; its keywords name the evaluation, its creation time is that of freezing."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, _OPTIONS)
    title = f"{report_title(content, texts)} · {place(content, texts)} · {content['round_id']}"
    book.set_properties(
        {
            "title": title,
            "author": "Key County",
            "keywords": f"keycounty-evaluation:{content['evaluation_id']}",
            "comments": content["sha256"],
            "created": datetime.fromisoformat(content["frozen_at"]).replace(tzinfo=None),
        }
    )
    heading = book.add_format(
        {"bold": True, "bg_color": "#12395B", "font_color": "#FFFFFF", "text_wrap": True, "border": 1}
    )
    kinds = {
        kind: book.add_format({"num_format": form, "text_wrap": True, "valign": "top"})
        for kind, form in _FORMATS.items()
    }
    note = book.add_format({"italic": True, "text_wrap": False})
    for number, table in enumerate(tables(content, texts), 1):
        sheet = book.add_worksheet(_sheet_name(number, table))
        sheet.write_string(0, 0, table.title, book.add_format({"bold": True, "font_size": 14}))
        sheet.write_string(1, 0, " ".join(notices(content, texts)), note)
        _fill(sheet, table, heading, kinds)
    book.close()
    return file.getvalue()


def _fill(sheet: Any, table: Table, heading: object, kinds: dict[str, object]) -> None:
    sheet.freeze_panes(3, 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(2)
    for column, (name, kind) in enumerate(table.columns):
        sheet.set_column(column, column, _WIDTHS.get(kind, _FIGURE_WIDTH))
        sheet.write_string(2, column, name, heading)
    for line, row in enumerate(table.rows, 3):
        for column, cell in enumerate(row):
            kind = table.columns[column][1]
            if cell is None:
                sheet.write_blank(line, column, None, kinds[kind])
            elif isinstance(cell, str):
                sheet.write_string(line, column, cell, kinds["text"])
            else:
                sheet.write_number(line, column, cell, kinds[kind])


def _sheet_name(number: int, table: Table) -> str:
    cleaned = "".join(char for char in table.title if char not in "[]:*?/\\")
    return f"{number} {cleaned}"[:31]
