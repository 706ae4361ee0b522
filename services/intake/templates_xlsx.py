"""The XLSX template of a checklist: Chinese headers, drop-downs, a row per item, a sheet of instructions. Reproducible
bytes.
"""

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import xlsxwriter

from services.intake.columns import COLUMNS
from shared.rulesets.checklists import Checklist

CREATED = datetime(2023, 1, 1, tzinfo=UTC)
INSTRUCTIONS = (
    "填写说明 / How to fill this in",
    "1. 每行一个检查项目；同一次提交的各行须填写相同的轮次、阶段、单元、企业和检查表。",
    "   One row per item; the rows of one submission share round, stage, unit, enterprise and checklist.",
    "2. 每个项目都须作答：隐患、符合或不适用。",
    "   Every item needs an answer: 隐患 (finding), 符合 (conform) or 不适用 (not applicable).",
    "3. 同一项目有多条隐患时，复制该行并填写不同的“位置编号”。",
    "   Several findings on one item: copy the row and give each a 位置编号 (reference) of its own.",
    "4. 日期格式 2023-02-20；扣分写作 1.1=4; 4.1=2.5（应急〔2018〕19号 项目编号=分值），只填第一行即可。",
    "   Dates as 2023-02-20; deductions as 1.1=4; 4.1=2.5, in the first row only.",
    "5. 带 * 的列必填。单元格不得使用公式。 Columns with * are required. No formulas.",
)


def template(checklist: Checklist, prefilled: Mapping[str, str]) -> bytes:
    """The workbook; `prefilled` gives the cells of every row by field name (round, enterprise, …)."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": checklist.title["zh"], "created": CREATED})
    sheet = book.add_worksheet("检查表")
    header = book.add_format({"bold": True, "bg_color": "#DDE7F3", "border": 1, "text_wrap": True, "valign": "vcenter"})
    text = book.add_format({"num_format": "@"})
    for place, column in enumerate(COLUMNS["inspections"]):
        sheet.set_column(place, place, column.width, text)
        sheet.write_string(0, place, column.zh + ("*" if column.required else ""), header)
        if column.choices:
            sheet.data_validation(1, place, 5000, place, {"validate": "list", "source": list(column.choices)})
    for row, item in enumerate(checklist.items.values(), 1):
        cells = {**prefilled, "checklist": checklist.id, "item": item.id}
        for place, column in enumerate(COLUMNS["inspections"]):
            if value := cells.get(column.name):
                sheet.write_string(row, place, value)
    sheet.freeze_panes(1, 0)
    _instructions(book, checklist, header)
    book.close()
    return buffer.getvalue()


def _instructions(book: Any, checklist: Checklist, header: Any) -> None:
    sheet = book.add_worksheet("说明")
    sheet.set_column(0, 0, 14)
    sheet.set_column(1, 2, 60)
    for row, line in enumerate(INSTRUCTIONS):
        sheet.write_string(row, 0, line)
    start = len(INSTRUCTIONS) + 1
    for place, name in enumerate(("项目编号", "项目", "Item")):
        sheet.write_string(start, place, name, header)
    for row, item in enumerate(checklist.items.values(), start + 1):
        sheet.write_string(row, 0, item.id)
        sheet.write_string(row, 1, item.title["zh"])
        sheet.write_string(row, 2, item.title["en"])
    if not checklist.confirmed:
        sheet.write_string(start + len(checklist.items) + 2, 0, f"未经确认 / unconfirmed: {checklist.note or ''}")
