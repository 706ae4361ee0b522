"""XLSX templates: Chinese headers, drop-downs, rows made ready, a sheet of instructions. Reproducible bytes. Used by
the template routes.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import xlsxwriter

from services.intake.columns import COLUMNS, Family
from shared.rulesets.checklists import Checklist
from shared.rulesets.gb18218 import Table

CREATED = datetime(2023, 1, 1, tzinfo=UTC)
LAST_ROW = 5_000
COMMON = (
    "日期格式 2023-02-20。带 * 的列必填。单元格不得使用公式。",
    "Dates as 2023-02-20. Columns with * are required. No formulas.",
)
INSTRUCTIONS: Mapping[Family, Sequence[str]] = {
    "inspections": (
        "每行一个检查项目；同一次提交的各行须填写相同的轮次、阶段、单元、企业和检查表。",
        "One row per item; the rows of one submission share round, stage, unit, enterprise and checklist.",
        "每个项目都须作答：隐患、符合或不适用。",
        "Every item needs an answer: 隐患 (finding), 符合 (conform) or 不适用 (not applicable).",
        "同一项目有多条隐患时，复制该行并填写不同的“位置编号”。",
        "Several findings on one item: copy the row and give each a 位置编号 (reference) of its own.",
        "扣分写作 1.1=4; 4.1=2.5（应急〔2018〕19号 项目编号=分值），只填第一行即可。",
        "Deductions as 1.1=4; 4.1=2.5, in the first row only.",
    ),
    "hazard-units": (
        "每行一种物质；同一重大危险源的各行须相邻，编号、单元类型、人数和申报日期相同。",
        "One row per substance; the rows of one hazard unit stand together and share id, kind, people and date.",
        "物质列入 GB 18218-2018 表1 的填写“表1序号”，其他的填写“物质名称”和“表2类别”。",
        "A substance of Table 1 of GB 18218-2018 by its 表1序号 (row), any other by name and 表2类别 (class).",
        "三类负责人写作 姓名/职务/电话；暂缺的留空。",
        "The three responsible persons as name/position/phone; leave out who is missing.",
    ),
    "rectifications": (
        "每行一个步骤：计划、完成（企业填写），核实、退回、延期（县级或专家填写）。",
        "One row per step: 计划 planned, 完成 done (enterprise); 核实 verified, 退回 rejected, 延期 extended.",
        "“隐患编号”见提交回执；退回和延期须填写原因，延期须填写新期限。",
        "隐患编号 (finding id) is in the receipt; 退回 and 延期 need a reason, 延期 a new date as well.",
    ),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A table below the instructions: what the codes to be filled in mean."""

    header: tuple[str, str, str]
    rows: Sequence[tuple[str, str, str]]
    note: str = ""


def of_checklist(checklist: Checklist, shared: Mapping[str, str]) -> bytes:
    """A row per item; `shared` gives the cells of every row by field name (round, enterprise, …)."""
    rows = [{**shared, "checklist": checklist.id, "item": item.id} for item in checklist.items.values()]
    titles = [(item.id, item.title["zh"], item.title["en"]) for item in checklist.items.values()]
    note = "" if checklist.confirmed else f"未经确认 / unconfirmed: {checklist.note or ''}"
    reference = Reference(("项目编号", "项目", "Item"), titles, note)
    return _workbook("inspections", checklist.title["zh"], rows, [reference])


def of_hazard_units(table: Table, shared: Mapping[str, str]) -> bytes:
    """One row made ready; the tables of GB 18218-2018 stand below the instructions."""
    substances = [(str(seq), row.name_zh, row.name_en) for seq, row in table.rows.items()]
    classes = [(symbol, found.class_zh, found.description_en) for symbol, found in table.classes.items()]
    references = [
        Reference(("表1序号", "物质", "Substance"), substances),
        Reference(("表2类别", "类别", "Class"), classes),
    ]
    return _workbook("hazard-units", "重大危险源申报表", [shared], references)


def of_rectifications(shared: Mapping[str, str]) -> bytes:
    """One row made ready."""
    return _workbook("rectifications", "隐患整改表", [shared], [])


def _workbook(family: Family, title: str, rows: Iterable[Mapping[str, str]], references: Sequence[Reference]) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": title, "created": CREATED})
    header = book.add_format({"bold": True, "bg_color": "#DDE7F3", "border": 1, "text_wrap": True, "valign": "vcenter"})
    _fill(book.add_worksheet("填写"), family, rows, header, book.add_format({"num_format": "@"}))
    _instruct(book.add_worksheet("说明"), family, references, header)
    book.close()
    return buffer.getvalue()


def _fill(sheet: Any, family: Family, rows: Iterable[Mapping[str, str]], header: Any, text: Any) -> None:
    for place, column in enumerate(COLUMNS[family]):
        sheet.set_column(place, place, column.width, text)
        sheet.write_string(0, place, column.zh + ("*" if column.required else ""), header)
        if column.choices:
            sheet.data_validation(1, place, LAST_ROW, place, {"validate": "list", "source": list(column.choices)})
    for row, cells in enumerate(rows, 1):
        for place, column in enumerate(COLUMNS[family]):
            if value := cells.get(column.name):
                sheet.write_string(row, place, value)
    sheet.freeze_panes(1, 0)


def _instruct(sheet: Any, family: Family, references: Sequence[Reference], header: Any) -> None:
    sheet.set_column(0, 0, 14)
    sheet.set_column(1, 2, 60)
    lines = ["填写说明 / How to fill this in", *INSTRUCTIONS[family], *COMMON]
    for row, line in enumerate(lines):
        sheet.write_string(row, 0, line)
    at = len(lines) + 1
    for reference in references:
        for row, cells in enumerate((reference.header, *reference.rows), at):
            for place, cell in enumerate(cells):
                sheet.write_string(row, place, cell, *([header] if row == at else []))
        at += len(reference.rows) + 2
        sheet.write_string(at - 1, 0, reference.note)
