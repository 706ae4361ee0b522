"""Rows of CSV and XLSX files by field name; what they become is the matter of `sheets`. Used by the batch.

Headers are Chinese or the English field names. Nothing in a file is executed: formulas are read as text and refused.
"""

import codecs
import csv
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from typing import Any, BinaryIO, TextIO

from services.intake.columns import COLUMNS, Family
from services.intake.rules.faults import Faulty, fault
from services.intake.sheets import STRAY, Row

ROWS_LIMIT = 1_000_000
ROW_LIMIT = 768 * 1024
UNPACKED_LIMIT = 128 * 1024 * 1024
READ_WHOLE_LIMIT = 32 * 1024 * 1024  # of a part that is no worksheet: its texts are held in memory
PIECE = 64 * 1024
EXPANSION_LIMIT = 200
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def csv_rows(file: BinaryIO, family: Family) -> Iterator[tuple[int, Row]]:
    """Rows of a CSV file in UTF-8 or GB 18030 by field name, with their numbers (the header is row 1). Raises
    `Faulty`.
    """
    text = io.TextIOWrapper(file, _encoding(file), newline="")
    first = text.readline(ROW_LIMIT)
    text.seek(0)
    delimiter = "\t" if "\t" in first else ";" if ";" in first and "," not in first else ","
    try:
        yield from _named(_cells(text, delimiter), family)
    except (csv.Error, UnicodeDecodeError) as wrong:
        raise Faulty([fault("", "not_readable", error=str(wrong)[:200])]) from wrong
    finally:
        text.detach()


def _cells(text: TextIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    taken = 0

    def lines() -> Iterator[str]:
        # A row may go over many lines, and a line over the whole file: neither is read to its end to find that out.
        nonlocal taken
        while line := text.readline(ROW_LIMIT):
            taken += len(line)
            if taken > ROW_LIMIT:
                raise Faulty([fault("", "line_too_long", limit=ROW_LIMIT)])
            yield line

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    for cells in reader:
        taken = 0
        yield reader.line_num, cells


def xlsx_rows(file: BinaryIO, family: Family) -> Iterator[tuple[int, Row]]:
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
            others = (info.file_size for info in packed.infolist() if "/worksheets/" not in info.filename)
            if max(others, default=0) > READ_WHOLE_LIMIT:
                raise Faulty([fault("", "unpacks_too_large", limit=READ_WHOLE_LIMIT // 1024 // 1024)])
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
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    # What is none of these is a formula over many cells, which the library has as an object.
    return str(value) if isinstance(value, str | int | float | date | time) else "="


def _named(rows: Iterable[tuple[int, Sequence[str]]], family: Family) -> Iterator[tuple[int, Row]]:
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
            yield number, _row(names, values)


def _row(names: Sequence[str], values: Sequence[str]) -> Row:
    stray = next((value for place, value in enumerate(values) if value and not any(names[place : place + 1])), None)
    row = {name: value for name, value in zip(names, values, strict=False) if name}
    return row if stray is None else row | {STRAY: stray}


def _header(cells: Sequence[str], family: Family) -> list[str]:
    columns = {header: column.name for column in COLUMNS[family] for header in (column.name, column.zh)}
    faults = [fault("", "unknown_column", column=cell) for cell in cells if cell and cell.rstrip("*") not in columns]
    names = [columns.get(cell.rstrip("*"), "") for cell in cells]
    faults += [
        fault("", "twice", id=cell) for place, cell in enumerate(cells) if cell and names[place] in names[:place]
    ]
    required = [column for column in COLUMNS[family] if column.required]
    faults += [fault("", "missing_column", column=column.zh) for column in required if column.name not in names]
    if faults:
        raise Faulty(faults)
    return names
