"""An evaluation as CSV: its tables one after another, UTF-8 with BOM so that spreadsheet programs read the Chinese."""

import csv
import io
from typing import Any

from services.reporting.render.table import notices
from services.reporting.render.tables import Cell, Content, Table, tables
from services.reporting.render.texts import Texts

BOM = "\ufeff"
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def render_csv(content: Content, texts: Texts) -> bytes:
    """The file's bytes; the first line names the evaluation."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([f"keycounty-evaluation:{content['evaluation_id']}", content["sha256"]])
    writer.writerows([notice] for notice in notices(content, texts))
    for table in tables(content, texts):
        _write(writer, table)
    return (BOM + file.getvalue()).encode()


def _write(writer: Any, table: Table) -> None:
    writer.writerow([])
    writer.writerow([table.title])
    writer.writerow([heading for heading, _ in table.columns])
    for row in table.rows:
        writer.writerow([_safe(cell) for cell in row])


def _safe(cell: Cell) -> Cell:
    """A text that a spreadsheet program would take for a formula gets a quote before it; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_DANGEROUS) else cell
