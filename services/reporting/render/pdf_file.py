"""An evaluation as PDF/A-2b by Typst, in a child process: the compiler's memory goes away with it. Reproducible
bytes.
"""

import asyncio
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from services.reporting.render.tables import Cell, Content, Kind, Table, tables
from services.reporting.render.texts import Texts

TEMPLATE = Path(__file__).with_name("report.typ")
RENDERINGS_PER_CHILD = 50
Data = dict[str, Any]


class PdfRenderer:
    """Renders in one child process, started when first needed; `stop` ends it."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    async def render(self, content: Content, texts: Texts) -> bytes:
        """The file's bytes."""
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, spawn, max_tasks_per_child=RENDERINGS_PER_CHILD)
        frozen = datetime.fromisoformat(content["frozen_at"])
        data = json.dumps(report_data(content, texts), ensure_ascii=False)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, compile_report, data, int(frozen.timestamp()))

    def stop(self) -> None:
        """Ends the child."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def compile_report(data: str, timestamp: int) -> bytes:
    """The PDF of a report's data. PDF/A-2b makes a missing glyph an error instead of a blank."""
    import justmytype_intl_cjk
    import typst

    fonts = Path(justmytype_intl_cjk.__file__).parent / "fonts" / "ofl" / "notosanssc"
    found: bytes = typst.compile(
        str(TEMPLATE),
        root=str(TEMPLATE.parent),
        font_paths=[str(fonts)],
        ignore_system_fonts=True,
        sys_inputs={"data": data},
        pdf_standards=["a-2b"],
        timestamp=timestamp,
    )
    return found


def report_data(content: Content, texts: Texts) -> Data:
    """What the template shows, all of it text but the lengths of bars."""
    nation = content["kind"] == "national"
    frozen = datetime.fromisoformat(content["frozen_at"])
    unit = texts.text("Nationwide") if nation else texts.name(content["name"]) or content["unit_id"]
    return {
        "title": texts.text("National evaluation") if nation else texts.text("Comprehensive evaluation"),
        "subtitle": f"{unit} · {content['round_id']}",
        "keywords": [f"keycounty-evaluation:{content['evaluation_id']}"],
        "date": [frozen.year, frozen.month, frozen.day],
        "lang": "zh" if texts.language == "zh-CN" else "en",
        "region": "CN" if texts.language == "zh-CN" else "GB",
        "proof": f"{content['evaluation_id']} · SHA-256 {content['sha256'][:16]}…",
        "identity": f"{content['evaluation_id']} · {content['frozen_at'][:19]}Z",
        "sha256": content["sha256"],
        "synthetic": texts.text(SYNTHETIC) if content["synthetic"] else None,
        "notice": texts.text(content["notice"]),
        "words": {"service": texts.text("Key County expert guidance service"), "contents": texts.text("Contents")},
        "headline": None if nation else _headline(content, texts),
        "sections": [_section(table, content, texts) for table in tables(content, texts)],
    }


SYNTHETIC = "Synthetic data: made up for demonstration. It says nothing about any real place or enterprise."


def _headline(content: Content, texts: Texts) -> Data:
    colour = content["colour"] or "none"
    figure = "–" if content["index"] is None else f"{content['index']:.1f}"
    return {"figure": figure, "colour": colour, "word": texts.code(colour)}


def _section(table: Table, content: Content, texts: Texts) -> Data:
    return {
        "title": table.title,
        "headings": [heading for heading, _ in table.columns],
        "widths": _widths(table),
        "aligns": ["left" if kind == "text" else "right" for _, kind in table.columns],
        "rows": [[shown(cell, kind) for cell, (_, kind) in zip(row, table.columns, strict=True)] for row in table.rows],
        "chart": _chart(table, content, texts),
    }


def shown(cell: Cell, kind: Kind) -> str:
    """A cell as people read it; a hundred per cent is only said of all."""
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return cell
    if kind == "percent":
        return "100 %" if cell == 1 else f"{min(cell * 100, 99.9):.1f} %"
    return f"{cell:.1f}" if kind == "number" else f"{cell}"


def _widths(table: Table) -> list[int]:
    """Shares of the page's width for texts, 0 for columns as wide as their figures; values and long texts get more."""
    widths = [1 if kind == "text" else 0 for _, kind in table.columns]
    if table.id in ("summary", "proof", "estimate"):
        return [1, 3]
    return [1, 3, 1] if table.id == "suggestions" else widths


def _chart(table: Table, content: Content, texts: Texts) -> Data | None:
    if table.id in ("components", "rates"):
        marks = {"components": 3}.get(table.id)
        items = [
            {"label": row[0], "share": row[1], "mark": row[marks] if marks else None, "text": shown(row[1], "percent")}
            for row in table.rows
        ]
        note = texts.text("Yellow line: median of the class.") if marks else ""
        return {"kind": "bars", "items": items, "alt": _alternative(table, items) + note}
    if table.id == "trend" and len(table.rows) > 1:
        points = [
            {"label": row["round_id"], "value": row["index"], "colour": row["colour"], "text": f"{row['index']:.1f}"}
            for row in content["trend"]
            if row["index"] is not None
        ]
        return {"kind": "trend", "points": points, "alt": _alternative(table, points)}
    return None


def _alternative(table: Table, items: list[Data]) -> str:
    return f"{table.title}: " + ", ".join(f"{item['label']} {item['text']}" for item in items) + ". "
