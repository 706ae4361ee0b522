"""Batches: a file of many submissions, taken line by line with constant memory. Called by the batch routes and
nothing else.

Each line stands for itself: the good ones are taken, the bad ones named. A line's idempotency key is the hash of
its content, so sending a file
again changes nothing.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

import rfc8785

from services.intake.columns import Family
from services.intake.handlers import Answer, Intake, Posted, Sender, faults_of, faults_of_part, open_evidence, submit
from services.intake.records import Origin
from services.intake.rules import bodies
from services.intake.rules.faults import Fault, Faulty, fault
from services.intake.rules.parsing import Malformed, parse
from services.intake.sheets import Sheet, submissions
from services.intake.spreadsheets import PIECE, csv_rows, xlsx_rows
from shared.errors import Unavailable

LINE_LIMIT = 768 * 1024
AT_ONCE = 100
PUBLISHED_WITHIN_S = 0.2
MODELS: dict[Family, type[bodies.Inspection | bodies.HazardUnit | bodies.Rectification]] = {
    "inspections": bodies.Inspection,
    "hazard-units": bodies.HazardUnit,
    "rectifications": bodies.Rectification,
}


@dataclass(frozen=True, slots=True)
class Line:
    """One submission of a file: its number, its bytes, what is wrong before it is even parsed, and of a spreadsheet the
    rows it stands in.
    """

    number: int
    record: bytes
    faults: tuple[Fault, ...] = ()
    origin: Origin | None = None
    rows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a line."""

    line: int
    answer: Answer | None = None
    faults: tuple[Fault, ...] = ()
    away: bool = False
    rows: tuple[int, ...] = ()


InScope = Callable[[Any], bool]


async def take(
    intake: Intake, lines: Iterable[Line], family: Family, sender: Sender, in_scope: InScope
) -> AsyncIterator[Outcome]:
    """The outcome of each line, in order. Stops at the first that met an absent store: the rest can be sent again.
    Raises `Faulty` after the last line before the file turned out unreadable.
    """
    rest, broken = iter(lines), None
    while broken is None:
        # In a thread: to unpack and read a sheet takes long enough to hold up other requests.
        group, broken = await asyncio.to_thread(_group, rest)
        prepared = [await _prepared(intake, line, family, sender, in_scope) for line in group]
        for outcome in await asyncio.gather(*(_outcome(intake, each, sender) for each in prepared)):
            yield outcome
            if outcome.away:
                return
        if len(group) < AT_ONCE:
            break
    if broken is not None:
        raise broken


def ndjson_lines(file: BinaryIO) -> Iterator[Line]:
    """The lines of an NDJSON file, blank ones skipped; a line's number counts from 1."""
    number = 0
    file.seek(0)
    while raw := file.readline(LINE_LIMIT + 2):
        number += 1
        if len(raw) > LINE_LIMIT:
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(LINE_LIMIT)
            yield Line(number, b"", (fault("", "line_too_long", limit=LINE_LIMIT),))
        elif record := raw.strip(b"\r\n \t\xef\xbb\xbf"):
            yield Line(number, record)


def sheet_lines(file: BinaryIO, family: Family, *, xlsx: bool) -> Iterator[Line]:
    """The submissions of a CSV or XLSX file; a line's number is that of its first row. Raises `Faulty` for a file that
    is none.
    """
    digest = _digest(file)
    rows = xlsx_rows(file, family) if xlsx else csv_rows(file, family)
    for sheet in submissions(rows, family):
        first = sheet.rows[0]
        yield Line(first, _canonical(sheet), sheet.faults, Origin(digest, first), sheet.rows)


def _canonical(sheet: Sheet) -> bytes:
    canonical: bytes = rfc8785.dumps(dict(sheet.body))
    return canonical


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(PIECE):
        digest.update(piece)
    file.seek(0)
    return digest.hexdigest()


def _group(lines: Iterator[Line]) -> tuple[list[Line], Faulty | None]:
    """The next lines, and what made the file unreadable after them."""
    group: list[Line] = []
    try:
        group.extend(islice(lines, AT_ONCE))
    except Faulty as broken:
        return group, broken
    return group, None


@dataclass(frozen=True, slots=True)
class _Prepared:
    line: Line
    body: bodies.Submission | None
    faults: tuple[Fault, ...]
    away: bool = False

    def refused(self, faults: tuple[Fault, ...]) -> Outcome:
        return Outcome(self.line.number, faults=faults, rows=self.line.rows)

    def unavailable(self) -> Outcome:
        return Outcome(self.line.number, faults=(fault("", "store_unavailable"),), away=True)


async def _prepared(intake: Intake, line: Line, family: Family, sender: Sender, in_scope: InScope) -> _Prepared:
    if not line.record:
        return _Prepared(line, None, line.faults)
    try:
        return await _read(intake, line, family, sender, in_scope)
    except Unavailable:
        return _Prepared(line, None, (), away=True)


async def _read(intake: Intake, line: Line, family: Family, sender: Sender, in_scope: InScope) -> _Prepared:
    try:
        body = parse(MODELS[family], line.record)
    except Malformed as wrong:
        more = await faults_of_part(intake, wrong.part, sender, in_scope)
        return _Prepared(line, None, (*line.faults, *_others(line, wrong.faults), *more))
    allowed = in_scope(body)
    found = (*line.faults, *await faults_of(intake, body, sender, in_scope=allowed))
    if allowed and not found:
        await open_evidence(intake, body)  # now, so that the lines of a group are stored in their order
    return _Prepared(line, body, found if allowed or found else (fault("", "out_of_scope"),))


def _others(line: Line, faults: Iterable[Fault]) -> Iterator[Fault]:
    """Without those of fields whose cell could not be read: that they are missing has been said."""
    told = {each.pointer for each in line.faults}
    return (each for each in faults if each.pointer not in told)


async def _outcome(intake: Intake, prepared: _Prepared, sender: Sender) -> Outcome:
    line = prepared.line
    if prepared.away:
        return prepared.unavailable()
    if prepared.body is None:
        return prepared.refused(prepared.faults)
    posted = Posted(line.record, prepared.body, "content:" + hashlib.sha256(line.record).hexdigest(), line.origin)
    try:
        return Outcome(line.number, await submit(intake, posted, sender, prepared.faults, PUBLISHED_WITHIN_S))
    except Faulty as faulty:
        return prepared.refused(faulty.faults)
    except Unavailable:
        return prepared.unavailable()
