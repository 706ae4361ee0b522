"""The columns of the spreadsheets: field, Chinese header, how a cell's text becomes a value. Used by spreadsheets,
sheets and templates.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Family = Literal["inspections", "hazard-units", "rectifications"]
Convert = Callable[[str], Any]
# Commas between thousands only: `1,5` may be one and a half to whoever wrote it.
_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?([eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?\d{1,15}")  # what a JSON number holds exactly
_STAGES = {"企业自查": "self_inspection", "属地复核": "re_examination", "专家核查": "expert_verification"}
_OUTCOMES = {"隐患": "finding", "符合": "conform", "不适用": "not_applicable"}
_GRADES = {"一般": "ordinary", "重大": "major"}
_KINDS = {"生产单元": "production", "储存单元": "storage"}
_ACTIONS = {"计划": "planned", "完成": "done", "核实": "verified", "退回": "rejected", "延期": "extended"}
_FOCUS = {"重大危险源": "major_hazard", "老旧装置": "old_installation", "化工园区": "chemical_park"}
_YES = {"是": True, "true": True, "1": True, "yes": True, "否": False, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class Column:
    """`field` is the path in the body (or in a row of `into`); `choices` are the Chinese words that the template
    offers.
    """

    name: str
    zh: str
    field: str
    convert: Convert = str
    into: str | None = None
    required: bool = False
    choices: tuple[str, ...] = ()
    width: int = 14


def _choice(words: Mapping[str, Any]) -> Convert:
    def convert(text: str) -> Any:
        return words.get(text, text)

    return convert


def _yes(text: str) -> bool:
    if text.casefold() not in _YES:
        raise ValueError(text)
    return _YES[text.casefold()]


def _number(text: str) -> int | float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    value = float(text.replace(",", ""))
    if not math.isfinite(value):
        raise ValueError(text)
    return int(value) if _WHOLE.fullmatch(text) else value


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(text)
    return int(text)


def _day(text: str) -> str:
    """`2023-02-20`, `2023/2/20`, `2023.2.20` or `2023年2月20日`."""
    plain = text.replace("年", "-").replace("月", "-").replace("日", "").replace("/", "-").replace(".", "-")
    year, month, day = plain.split("T")[0].split("-")
    return f"{int(year):04}-{int(month):02}-{int(day):02}"


def _list(words: Mapping[str, str] | None = None) -> Convert:
    def convert(text: str) -> list[str]:
        parts = [
            part for part in text.replace("，", ",").replace("、", ",").replace(";", ",").split(",") if part.strip()
        ]
        return [(words or {}).get(part.strip(), part.strip()) for part in parts]

    return convert


def _points(text: str) -> dict[str, float]:
    """`1.1=4; 4.1=2.5`."""
    pairs = [pair.partition("=") for pair in text.replace("；", ";").split(";") if pair.strip()]
    return {code.strip(): float(_number(points.strip())) for code, _, points in pairs}


def _person(text: str) -> dict[str, str]:
    """`name / position / phone`."""
    parts = [part.strip() for part in text.split("/")]
    return dict(zip(("name", "position", "phone"), parts, strict=False))


COLUMNS: Mapping[Family, tuple[Column, ...]] = {
    "inspections": (
        Column("round_id", "轮次", "round_id", required=True),
        Column("stage", "阶段", "stage", _choice(_STAGES), required=True, choices=tuple(_STAGES)),
        Column("unit_id", "指导单元", "unit_id", required=True),
        Column("enterprise_id", "统一社会信用代码", "enterprise_id", required=True, width=24),
        Column("inspected_on", "检查日期", "inspected_on", _day, required=True),
        Column("inspector_name", "检查人", "inspector/name"),
        Column("inspector_position", "检查人职务", "inspector/position"),
        Column("checklist", "检查表", "checklist", required=True, width=18),
        Column("item", "项目编号", "item", into="results", required=True),
        Column(
            "outcome", "结果", "outcome", _choice(_OUTCOMES), into="results", required=True, choices=tuple(_OUTCOMES)
        ),
        Column("grade", "隐患等级", "grade", _choice(_GRADES), into="results", choices=tuple(_GRADES)),
        Column("ref", "位置编号", "ref", into="results"),
        Column("location", "位置", "location", into="results", width=20),
        Column("description", "情况说明", "description", into="results", width=40),
        Column("focus", "重点领域", "focus", _list(_FOCUS), into="results"),
        Column("measure", "整改措施", "measure", into="results", width=30),
        Column("due_on", "整改期限", "due_on", _day, into="results"),
        Column("evidence", "证据", "evidence", _list(), into="results"),
        Column("deductions", "扣分", "grading/deductions", _points, width=20),
        Column("bonuses", "加分", "grading/bonuses", _points),
        Column("direct_red", "直接判红", "grading/direct_red", _list()),
        Column("supersedes_reason", "替换原因", "supersedes_reason"),
        Column("late_reason", "逾期原因", "late_reason"),
        Column("drill", "演练", "drill", _yes, choices=("是", "否")),
    ),
    "hazard-units": (
        Column("hazard_unit_id", "重大危险源编号", "hazard_unit_id", required=True),
        Column("enterprise_id", "统一社会信用代码", "enterprise_id", required=True, width=24),
        Column("unit_id", "指导单元", "unit_id", required=True),
        Column("kind", "单元类型", "kind", _choice(_KINDS), required=True, choices=tuple(_KINDS)),
        Column("exposed_population", "500米内人数", "exposed_population", _whole, required=True),
        Column("seq", "表1序号", "seq", _whole, into="substances"),
        Column("name", "物质名称", "name", into="substances"),
        Column("class", "表2类别", "class", into="substances"),
        Column("quantity_t", "设计最大量（吨）", "quantity_t", _number, into="substances", required=True),
        Column("principal", "主要负责人（姓名/职务/电话）", "responsible/principal", _person, width=28),
        Column("technical", "技术负责人（姓名/职务/电话）", "responsible/technical", _person, width=28),
        Column("operational", "操作负责人（姓名/职务/电话）", "responsible/operational", _person, width=28),
        Column("declared_on", "申报日期", "declared_on", _day, required=True),
        Column("drill", "演练", "drill", _yes, choices=("是", "否")),
    ),
    "rectifications": (
        Column("enterprise_id", "统一社会信用代码", "enterprise_id", required=True, width=24),
        Column("unit_id", "指导单元", "unit_id", required=True),
        Column("finding_id", "隐患编号", "finding_id", required=True, width=38),
        Column("action", "动作", "action", _choice(_ACTIONS), required=True, choices=tuple(_ACTIONS)),
        Column("on", "日期", "on", _day, required=True),
        Column("due_on", "新期限", "due_on", _day),
        Column("reason", "原因", "reason", width=30),
        Column("evidence", "证据", "evidence", _list()),
        Column("drill", "演练", "drill", _yes, choices=("是", "否")),
    ),
}
