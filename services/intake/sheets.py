"""Rows of a spreadsheet as bodies: grouped into submissions, their cells read as values. Pure; called by the batch.

One row per result; rows of one submission share enterprise, stage and checklist. A hazard unit has a row per
substance, a rectification one row.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.intake.columns import COLUMNS, Column, Family
from services.intake.rules.faults import Fault, fault

STRAY = ""  # the name under which a row holds what stands in no column
GROUPED_BY: Mapping[Family, tuple[str, ...]] = {
    "inspections": ("round_id", "stage", "unit_id", "enterprise_id", "checklist", "drill"),
    "hazard-units": ("enterprise_id", "hazard_unit_id", "drill"),
    "rectifications": (),
}
# One more than any body may have of results or substances: the parser says so, and nothing grows without end.
ROWS_KEPT = 2_001
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One submission's rows as a body: their numbers in the file, the body, and what could not be read."""

    rows: tuple[int, ...]
    body: Mapping[str, Any]
    faults: tuple[Fault, ...]


def submissions(rows: Iterable[tuple[int, Row]], family: Family) -> Iterator[Sheet]:
    """Rows grouped into bodies. Rows of one submission stand together; a group that comes back later is another
    submission.
    """
    group: list[tuple[int, Row]] = []
    current: tuple[str, ...] | None = None
    for number, row in rows:
        key = tuple(row.get(name, "") for name in GROUPED_BY[family]) or (str(number),)
        if group and key != current:
            yield _sheet(group, family)
            group = []
        current = key
        if len(group) < ROWS_KEPT:
            group.append((number, row))
    if group:
        yield _sheet(group, family)


def cell_of(pointer: str, rows: Sequence[int], family: Family) -> dict[str, Any]:
    """Where the field of a JSON pointer stands in the file: `row`, and the Chinese header of `column` or None."""
    steps = pointer.split("/")[1:]
    for column in COLUMNS[family]:
        path = column.field.split("/")
        if column.into is None:
            if steps[: len(path)] == path:
                return {"row": rows[0], "column": column.zh}
        elif steps[:1] == [column.into] and steps[2:3] == path and steps[1].isdigit():
            return {"row": _row(rows, steps[1]), "column": column.zh}
    inside = len(steps) > 1 and steps[1].isdigit() and steps[0] in ("results", "substances")
    return {"row": _row(rows, steps[1]) if inside else rows[0], "column": None}


def _row(rows: Sequence[int], place: str) -> int:
    return rows[int(place)] if int(place) < len(rows) else rows[0]


def _sheet(group: Sequence[tuple[int, Row]], family: Family) -> Sheet:
    faults: list[Fault] = []
    body: dict[str, Any] = {}
    lines: list[dict[str, Any]] = []
    by_name = {column.name: column for column in COLUMNS[family]}
    into = next((column.into for column in COLUMNS[family] if column.into), None)
    for place, (_, row) in enumerate(group):
        line: dict[str, Any] = {}
        for name, text in row.items():
            if name == STRAY:
                faults.append(fault(f"/{into}/{place}" if into else "", "cell_without_column", value=text[:60]))
                continue
            column = by_name[name]
            pointer = "/" + (f"{column.into}/{place}/{column.field}" if column.into else column.field)
            value = _converted(column, text, pointer, faults)
            if value is None:
                continue
            if column.into:
                line[column.field] = value
            elif not _put(body, column.field, value):
                faults.append(fault(pointer, "rows_differ", value=text[:60], column=column.zh))
        lines.append(line)
    if into is not None:
        body[into] = lines
    return Sheet(tuple(number for number, _ in group), body, tuple(faults))


def _converted(column: Column, text: str, pointer: str, faults: list[Fault]) -> Any:
    if not text:
        return None
    if text.startswith("="):
        faults.append(fault(pointer, "formula"))
        return None
    try:
        return column.convert(text)
    except ValueError:
        faults.append(fault(pointer, "cell_not_valid", value=text[:60], column=column.zh))
        return None


def _put(body: dict[str, Any], path: str, value: Any) -> bool:
    """Puts what all rows share; False when a row before said something else."""
    *steps, last = path.split("/")
    for step in steps:
        body = body.setdefault(step, {})
    before = body.setdefault(last, value)
    if isinstance(before, dict) and isinstance(value, dict):
        same = all(before.get(name, found) == found for name, found in value.items())
        body[last] = value | before
        return same
    return bool(before == value)
