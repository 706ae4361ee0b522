"""What FastAPI's own validation says, in Chinese; its English is pydantic's. Used by answering.py."""

from collections.abc import Mapping
from typing import Any

_WHOLE, _NUMBER, _TEXT = "必须是整数。", "必须是数字。", "必须是文本。"
_DATE, _TIME = "必须是日期，例如 2023-02-20。", "必须是时间，例如 2023-02-20T08:00:00+08:00。"
_OBJECT, _LIST, _ONE_OF = "必须是对象。", "必须是列表。", "必须是以下之一：{expected}。"
TEXTS = {
    "missing": "此项必填。",
    "extra_forbidden": "没有这个字段。",
    "string_type": _TEXT,
    "string_too_long": "最多 {max_length} 个字符。",
    "string_too_short": "至少 {min_length} 个字符。",
    "string_pattern_mismatch": "格式不符：应为 {pattern}。",
    "int_parsing": _WHOLE,
    "int_parsing_size": "数值过大。",
    "int_from_float": _WHOLE,
    "int_type": _WHOLE,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "bool_parsing": "必须是 true 或 false。",
    "bool_type": "必须是 true 或 false。",
    "greater_than_equal": "不得小于 {ge}。",
    "greater_than": "须大于 {gt}。",
    "less_than_equal": "不得大于 {le}。",
    "less_than": "须小于 {lt}。",
    "enum": _ONE_OF,
    "literal_error": _ONE_OF,
    "uuid_parsing": "不是有效的编号（UUID）。",
    "date_type": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "datetime_type": _TIME,
    "datetime_from_date_parsing": _TIME,
    "timezone_aware": "时间须带时区偏移，例如 +08:00。",
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "too_long": "最多 {max_length} 项。",
    "too_short": "至少 {min_length} 项。",
}
OTHER = "取值无效。"


def chinese(error: Mapping[str, Any]) -> str:
    """The text for one of pydantic's errors; its values never repeat what was sent."""
    values = {name: str(value).replace(" or ", " 或 ") for name, value in error.get("ctx", {}).items()}
    return TEXTS.get(str(error["type"]), OTHER).format_map(values)
