"""Reading rule files (CSV and TOML bytes) into frozen rows; every module of this package parses its own with it."""

import csv
import io
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

M = TypeVar("M", bound=BaseModel)


class InvalidRules(ValueError):
    """Rule files that cannot be used; `errors` names everything wrong, one text each."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("rule sets cannot be used:\n" + "\n".join(f"- {error}" for error in self.errors))


class Row(BaseModel):
    """One row of a rule file: frozen, no unknown columns, its source named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str


class Rules(BaseModel):
    """A rule file's content: frozen, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def rows(name: str, content: bytes, model: type[M]) -> tuple[M, ...]:
    """The rows of a CSV file (UTF-8, header line); an empty cell means absent. Raises `InvalidRules` naming file, line
    and column.
    """
    try:
        lines = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as wrong:
        raise InvalidRules([f"{name}: not a UTF-8 CSV file ({wrong})"]) from wrong
    found: list[M] = []
    errors: list[str] = []
    for number, line in enumerate(lines, start=2):
        if None in line:
            errors.append(f"{name} line {number}: more cells than the header has")
            continue
        try:
            filled = {column: cell for column, cell in line.items() if cell not in ("", None)}
            found.append(model.model_validate_strings(filled))
        except ValidationError as wrong:
            errors += described(f"{name} line {number}", wrong)
    if errors:
        raise InvalidRules(errors)
    return tuple(found)


def document(name: str, content: bytes) -> dict[str, Any]:
    """A TOML file's content. Raises `InvalidRules`."""
    try:
        return tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as wrong:
        raise InvalidRules([f"{name}: not a TOML file ({wrong})"]) from wrong


def rules(name: str, content: Mapping[str, Any], model: type[M]) -> M:
    """A document as the model of its kind. Raises `InvalidRules` with every field that is wrong."""
    try:
        return model.model_validate(content)
    except ValidationError as wrong:
        raise InvalidRules(described(name, wrong)) from wrong


def described(where: str, wrong: ValidationError) -> list[str]:
    """One text per error of a validation: where, which field, what."""
    return [
        f"{where}: {'.'.join(str(part) for part in error['loc']) or 'content'}: {error['msg']}"
        for error in wrong.errors(include_input=False)
    ]


def require(errors: Sequence[str]) -> None:
    """Raises `InvalidRules` when there are errors."""
    if errors:
        raise InvalidRules(errors)


def doubled(what: str, keys: Iterable[object]) -> list[str]:
    """An error for each key that stands twice."""
    seen: set[object] = set()
    twice = [key for key in keys if key in seen or seen.add(key)]  # type: ignore[func-returns-value]
    return [f"{what} {key} stands twice" for key in twice]
