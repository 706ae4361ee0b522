"""From bytes to a body, with every fault of form at once: JSON pointers into what was sent. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, TypeVar, get_args

from pydantic import TypeAdapter, ValidationError

from services.intake.rules.bodies import Body
from services.intake.rules.faults import Fault, Faulty, escape, fault

B = TypeVar("B", bound=Body)
_SHOWN = ("expected", "ge", "gt", "le", "lt", "max_length", "min_length", "pattern", "error")


class Malformed(Faulty):
    """Faults of form; `part` is the body with its good fields only, for the rules to say what they can."""

    def __init__(self, faults: Iterable[Fault], part: Any) -> None:
        super().__init__(faults)
        self.part = part


def parse(model: type[B], raw: bytes) -> B:
    """The body. Raises `Malformed` with every fault of form: not JSON, missing, of the wrong type, out of bounds,
    unknown.
    """
    try:
        return model.model_validate_json(raw)
    except ValidationError as wrong:
        errors = wrong.errors(include_url=False, include_input=False)
        if any(error["type"] == "json_invalid" for error in errors):
            said = str(errors[0].get("ctx", {}).get("error", ""))
            raise Malformed([fault("", "json_invalid", error=said)], None) from wrong
        sent = json.loads(raw)
        raise Malformed(_faults(errors, sent), _part(model, sent) if isinstance(sent, dict) else None) from wrong


def _part(model: type[Body], sent: Mapping[str, Any]) -> Body:
    """The body with the fields that are right; asking it for another raises `Undecided`."""
    read: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        given = field.alias if field.alias and field.alias in sent else name
        if given in sent:
            read |= _field(model, name, sent[given])
        elif not field.is_required():
            read[name] = field.get_default(call_default_factory=True)
    part = model.model_construct(_fields_set=set(read) & sent.keys(), **read)
    for name in model.model_fields.keys() - read.keys():
        part.__dict__.pop(name, None)
    return part


def _field(model: type[Body], name: str, value: Any) -> dict[str, Any]:
    try:
        return {name: _adapter(model, name).validate_json(json.dumps(value), strict=True)}
    except ValidationError:
        inner = [each for each in get_args(model.model_fields[name].annotation) if isinstance(each, type)]
        if isinstance(value, list) and len(inner) == 1 and issubclass(inner[0], Body):
            whole = all(isinstance(each, dict) for each in value)
            return {name: tuple(_part(inner[0], each) for each in value)} if whole else {}
        return {}


@lru_cache(maxsize=200)
def _adapter(model: type[Body], name: str) -> TypeAdapter[Any]:
    field = model.model_fields[name]
    kind: Any = field.annotation
    return TypeAdapter(Annotated[kind, *field.metadata] if field.metadata else kind)


def _faults(errors: Sequence[Any], sent: Any) -> list[Fault]:
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
