"""From bytes to a body, with every fault of form at once: JSON pointers into what was sent. Pure."""

import json
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import ValidationError

from services.intake.rules.bodies import Body
from services.intake.rules.faults import Fault, Faulty, escape, fault

B = TypeVar("B", bound=Body)
_SHOWN = ("expected", "ge", "gt", "le", "lt", "max_length", "min_length", "pattern", "error")


def parse(model: type[B], raw: bytes) -> B:
    """The body. Raises `Faulty` with every fault of form: not JSON, missing, of the wrong type, out of bounds,
    unknown.
    """
    try:
        return model.model_validate_json(raw)
    except ValidationError as wrong:
        raise Faulty(_faults(wrong, raw)) from wrong


def _faults(wrong: ValidationError, raw: bytes) -> list[Fault]:
    errors = wrong.errors(include_url=False, include_input=False)
    if any(error["type"] == "json_invalid" for error in errors):
        return [fault("", "json_invalid", error=str(errors[0].get("ctx", {}).get("error", "")))]
    sent = json.loads(raw)
    found: dict[tuple[str, str], Fault] = {}
    for error in errors:
        pointer = "".join(f"/{escape(part)}" for part in _path(error["loc"], sent, error["type"]))
        values = {name: value for name, value in error.get("ctx", {}).items() if name in _SHOWN}
        code = _CODES.get(error["type"], error["type"])
        found.setdefault(
            (pointer, code),
            Fault(pointer, code, {**values, "error": values.get("error", error["msg"]), "said": error["msg"]}),
        )
    return list(found.values())


def _path(loc: tuple[int | str, ...], sent: Any, kind: str) -> Iterator[int | str]:
    # pydantic names the branch of a union and the key of a mapping as steps too: only what is in the body is a step.
    here = sent
    for place, part in enumerate(loc):
        if _has(here, part):
            here = here[part]
            yield part
        elif kind == "missing" and place == len(loc) - 1:
            yield part


def _has(here: Any, part: int | str) -> bool:
    if isinstance(here, list):
        return isinstance(part, int) and part < len(here)
    return isinstance(here, dict) and part in here


_CODES = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "enum": "not_one_of",
    "literal_error": "not_one_of",
    "string_type": "not_text",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "too_long": "too_many",
    "too_short": "too_few",
    "string_pattern_mismatch": "wrong_form",
    "int_type": "not_whole_number",
    "int_from_float": "not_whole_number",
    "float_type": "not_number",
    "finite_number": "not_number",
    "bool_type": "not_boolean",
    "dict_type": "not_object",
    "model_type": "not_object",
    "model_attributes_type": "not_object",
    "list_type": "not_list",
    "tuple_type": "not_list",
    "greater_than": "too_small",
    "greater_than_equal": "too_small",
    "less_than": "too_large",
    "less_than_equal": "too_large",
    "date_type": "not_date",
    "date_parsing": "not_date",
    "date_from_datetime_parsing": "not_date",
    "date_from_datetime_inexact": "not_date",
    "datetime_type": "not_time",
    "datetime_parsing": "not_time",
    "datetime_from_date_parsing": "not_time",
    "timezone_aware": "time_without_offset",
    "value_error": "not_valid",
}
