"""Every text for an invalid field fits the error that pydantic makes of it, and repeats nothing of what was sent."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError

from shared.http.form_texts import OTHER, TEXTS, chinese
from shared.http.permissions import Role


class Strict(BaseModel, extra="forbid"):
    name: str


CASES: dict[str, tuple[Any, Any]] = {
    "missing": (Strict, {}),
    "extra_forbidden": (Strict, {"name": "x", "secret": 1}),
    "string_type": (str, 1),
    "string_too_long": (Annotated[str, Field(max_length=3)], "secret"),
    "string_too_short": (Annotated[str, Field(min_length=9)], "secret"),
    "string_pattern_mismatch": (Annotated[str, Field(pattern=r"^\d{3}$")], "secret"),
    "int_parsing": (int, "secret"),
    "int_parsing_size": (int, "9" * 5000),
    "int_from_float": (int, 1.5),
    "int_type": (int, []),
    "float_parsing": (float, "secret"),
    "float_type": (float, []),
    "bool_parsing": (bool, "secret"),
    "bool_type": (bool, []),
    "greater_than_equal": (Annotated[int, Field(ge=1)], 0),
    "greater_than": (Annotated[int, Field(gt=1)], 0),
    "less_than_equal": (Annotated[int, Field(le=1)], 2),
    "less_than": (Annotated[int, Field(lt=1)], 2),
    "enum": (Role, "secret"),
    "literal_error": (Literal["open", "closed"], "secret"),
    "uuid_parsing": (UUID, "secret"),
    "date_type": (date, []),
    "date_from_datetime_parsing": (date, "secret"),
    "date_from_datetime_inexact": (date, "2023-02-20T08:00:00"),
    "datetime_type": (datetime, []),
    "datetime_from_date_parsing": (datetime, "secret"),
    "timezone_aware": (AwareDatetime, "2023-02-20T08:00:00"),
    "dict_type": (dict[str, int], 1),
    "model_type": (Strict, 1),
    "model_attributes_type": (Strict, 1),
    "list_type": (list[int], 1),
    "tuple_type": (tuple[int, ...], 1),
    "too_long": (Annotated[list[int], Field(max_length=1)], [1, 2]),
    "too_short": (Annotated[list[int], Field(min_length=1)], []),
}


@pytest.mark.parametrize("code", CASES)
def test_an_error_reads_in_chinese_without_what_was_sent(code: str) -> None:
    kind, value = CASES[code]
    with pytest.raises(ValidationError) as wrong:
        TypeAdapter(kind).validate_python(value, from_attributes=code == "model_attributes_type")
    (error,) = wrong.value.errors()
    assert error["type"] == code
    assert chinese(error) != OTHER
    assert "{" not in chinese(error).replace("{3}", "")
    assert "secret" not in chinese(error)


def test_no_text_is_without_a_case() -> None:
    assert set(TEXTS) == set(CASES)


def test_an_error_of_another_kind_is_told_too() -> None:
    assert chinese({"type": "something_new", "ctx": {}}) == OTHER
