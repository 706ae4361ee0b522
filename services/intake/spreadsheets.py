"""Spreadsheets: rows of CSV or XLSX as submissions, and the XLSX template of a checklist. Used by the batch and the
checklist routes.

One row per result; rows of one submission share enterprise, stage and checklist. A hazard unit has a row per
substance, a rectification one row.
Headers are Chinese or the English field names. Nothing in a file is executed: formulas are read as text and refused.
"""

import codecs
import csv
import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, BinaryIO, Literal

from services.intake.columns import COLUMNS, Column, Convert
from services.intake.rules.faults import Fault, Faulty, fault

Family = Literal["inspections", "hazard-units", "rectifications"]
GROUPED_BY: Mapping[Family, tuple[str, ...]] = {
    "inspections": ("round_id", "stage", "unit_id", "enterprise_id", "checklist", "drill"),
    "hazard-units": ("enterprise_id", "hazard_unit_id", "drill"),
    "rectifications": (),
}
ROWS_LIMIT = 1_000_000
UNPACKED_LIMIT = 128 * 1024 * 1024
PIECE = 64 * 1024
EXPANSION_LIMIT = 200
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One submission's rows as a body: the number of its first row, the body, and what could not be read."""

    row: int
    body: Mapping[str, Any]
    faults: tuple[Fault, ...]

    def record(self) -> bytes:
        """The body as JSON, for the parser."""
        return json.dumps(self.body, ensure_ascii=False).encode()


def submissions(rows: Iterable[tuple[int, Mapping[str, str]]], family: Family) -> Iterator[Sheet]:
    """Rows grouped into bodies. Rows of one submission stand together; a group that comes back later is another
    submission.
    """
    group: list[tuple[int, Mapping[str, str]]] = []
    current: tuple[str, ...] | None = None
    for number, row in rows:
        key = tuple(row.get(name, "") for name in GROUPED_BY[family]) or (str(number),)
        if group and key != current:
            yield _sheet(group, family)
            group = []
        current = key
        group.append((number, row))
    if group:
        yield _sheet(group, family)


def csv_rows(file: BinaryIO, family: Family) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Rows of a CSV file in UTF-8 or GB 18030 by field name, with their numbers (the header is row 1). Raises
    `Faulty`.
    """
    text = io.TextIOWrapper(file, _encoding(file), newline="")
    first = text.readline()
    text.seek(0)
    delimiter = "\t" if "\t" in first else ";" if ";" in first and "," not in first else ","
    try:
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        yield from _named(((reader.line_num, cells) for cells in reader), family)
    except (csv.Error, UnicodeDecodeError) as wrong:
        raise Faulty([fault("", "not_readable", error=str(wrong)[:200])]) from wrong
    finally:
        text.detach()


def xlsx_rows(file: BinaryIO, family: Family) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Rows of the first sheet of an XLSX file. Raises `Faulty` for what is none, or unpacks to more than it may."""
    _refuse_hostile(file)
    from openpyxl import load_workbook

    try:
        book = load_workbook(file, read_only=True, data_only=False, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        yield from _named(
            (
                (number, [_cell(value) for value in row])
                for number, row in enumerate(sheet.iter_rows(values_only=True), 1)
            ),
            family,
        )
    except (
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        IndexError,
        TypeError,
        OSError,
        SyntaxError,
        zlib.error,
        EOFError,
    ) as wrong:
        raise Faulty([fault("", "not_readable", error=type(wrong).__name__)]) from wrong


def _encoding(file: BinaryIO) -> str:
    """UTF-8 (with or without mark) when the whole file is, else GB 18030; read piece by piece."""
    for encoding in ("utf-8-sig", "gb18030"):
        file.seek(0)
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            while piece := file.read(PIECE):
                if "\0" in decoder.decode(piece):
                    break
            else:
                decoder.decode(b"", final=True)
                file.seek(0)
                return encoding
        except UnicodeDecodeError:
            continue
    raise Faulty([fault("", "not_readable", error="neither UTF-8 nor GB 18030")])


def _refuse_hostile(file: BinaryIO) -> None:
    """Zip bombs, macros, links to other files and XML that declares entities."""
    file.seek(0, io.SEEK_END)
    size = file.tell()
    try:
        with zipfile.ZipFile(file) as packed:
            unpacked = sum(info.file_size for info in packed.infolist())
            if unpacked > UNPACKED_LIMIT or unpacked > max(1024 * 1024, EXPANSION_LIMIT * size):
                raise Faulty([fault("", "unpacks_too_large", limit=UNPACKED_LIMIT // 1024 // 1024)])
            for name in packed.namelist():
                if "vbaProject" in name or "externalLinks/" in name:
                    raise Faulty([fault("", "macros", name=name)])
                if name.endswith((".xml", ".rels")):
                    with packed.open(name) as part:
                        if b"<!" in part.read(2000):
                            raise Faulty([fault("", "not_readable", error=f"{name} declares entities")])
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, OSError, RuntimeError, EOFError) as wrong:
        raise Faulty([fault("", "not_readable", error="not an XLSX file")]) from wrong
    file.seek(0)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == value.time().min else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _named(rows: Iterable[tuple[int, Sequence[str]]], family: Family) -> Iterator[tuple[int, Mapping[str, str]]]:
    names: list[str] | None = None
    for number, cells in rows:
        if number > ROWS_LIMIT:
            raise Faulty([fault("", "too_many_rows", limit=ROWS_LIMIT)])
        values = [cell.strip() for cell in cells]
        if not any(values):
            continue
        if names is None:
            names = _header(values, family)
        else:
            yield number, {name: value for name, value in zip(names, values, strict=False) if name}


def _header(cells: Sequence[str], family: Family) -> list[str]:
    columns = {header: column.name for column in COLUMNS[family] for header in (column.name, column.zh)}
    faults = [fault("", "unknown_column", column=cell) for cell in cells if cell and cell.rstrip("*") not in columns]
    names = [columns.get(cell.rstrip("*"), "") for cell in cells]
    required = [column for column in COLUMNS[family] if column.required]
    faults += [fault("", "missing_column", column=column.zh) for column in required if column.name not in names]
    if faults:
        raise Faulty(faults)
    return names


def _sheet(group: Sequence[tuple[int, Mapping[str, str]]], family: Family) -> Sheet:
    faults: list[Fault] = []
    body: dict[str, Any] = {}
    lines: list[dict[str, Any]] = []
    by_name = {column.name: column for column in COLUMNS[family]}
    for place, (_, row) in enumerate(group):
        line: dict[str, Any] = {}
        for name, text in row.items():
            column = by_name[name]
            pointer = "/" + (f"{column.into}/{place}/{column.field}" if column.into else column.field)
            value = _converted(column, text, pointer, faults)
            if value is None:
                continue
            if column.into:
                line[column.field] = value
            else:
                _put(body, column.field, value)
        lines.append(line)
    into = next((column.into for column in COLUMNS[family] if column.into), None)
    if into is not None:
        body[into] = lines
    return Sheet(group[0][0], body, tuple(faults))


def _converted(column: Column, text: str, pointer: str, faults: list[Fault]) -> Any:
    if not text:
        return None
    if text.startswith("="):
        faults.append(fault(pointer, "formula"))
        return None
    convert: Convert = column.convert
    try:
        return convert(text)
    except ValueError:
        faults.append(fault(pointer, "cell_not_valid", value=text[:60], column=column.zh))
        return None


def _put(body: dict[str, Any], path: str, value: Any) -> None:
    *steps, last = path.split("/")
    for step in steps:
        body = body.setdefault(step, {})
    if isinstance(value, dict) and isinstance(body.get(last), dict):
        body[last] |= value
    else:
        body.setdefault(last, value)
