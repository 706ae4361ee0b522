"""An evaluation as PDF/A-2b and PDF/UA-1 by Typst, in a child process: the compiler's memory goes away with it.
Reproducible bytes.
"""

import asyncio
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from services.reporting.render.charts import chart
from services.reporting.render.table import moment, notices, place, report_title, shown
from services.reporting.render.tables import WORDS, Content, Table, tables
from services.reporting.render.texts import Texts

TEMPLATE = Path(__file__).with_name("report.typ")
RENDERINGS_PER_CHILD = 50
Data = dict[str, Any]


class PdfRenderer:
    """Renders in one child process, started when first needed; `stop` ends it."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    async def render(self, content: Content, texts: Texts) -> bytes:
        """The file's bytes. A child that was killed meanwhile is replaced, once."""
        data = json.dumps(report_data(content, texts), ensure_ascii=False)
        timestamp = int(datetime.fromisoformat(content["frozen_at"]).timestamp())
        try:
            return await self._in_child(data, timestamp)
        except BrokenProcessPool:
            self.stop()
            return await self._in_child(data, timestamp)

    def stop(self) -> None:
        """Ends the child."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    async def _in_child(self, data: str, timestamp: int) -> bytes:
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, spawn, fonts, max_tasks_per_child=RENDERINGS_PER_CHILD)
        return await asyncio.get_running_loop().run_in_executor(self._pool, compile_report, data, timestamp)


@cache
def fonts() -> Any:
    """The fonts that come with a package, read once in each child."""
    import justmytype_intl_cjk
    import typst

    folder = Path(justmytype_intl_cjk.__file__).parent / "fonts" / "ofl" / "notosanssc"
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)])


def compile_report(data: str, timestamp: int) -> bytes:
    """The PDF of a report's data. PDF/A-2b makes a missing glyph an error instead of a blank, PDF/UA-1 a chart without
    words.
    """
    import typst

    found: bytes = typst.compile(
        str(TEMPLATE),
        root=str(TEMPLATE.parent),
        font_paths=fonts(),
        sys_inputs={"data": data},
        pdf_standards=["a-2b", "ua-1"],
        timestamp=timestamp,
    )
    return found


def report_data(content: Content, texts: Texts) -> Data:
    """What the template shows, all of it text but the lengths of bars."""
    frozen = datetime.fromisoformat(content["frozen_at"])
    return {
        "title": report_title(content, texts),
        "subtitle": f"{place(content, texts)} · {content['round_id']}",
        "keywords": [f"keycounty-evaluation:{content['evaluation_id']}"],
        "date": [frozen.year, frozen.month, frozen.day],
        "lang": "zh" if texts.language == "zh-CN" else "en",
        "region": "CN" if texts.language == "zh-CN" else "GB",
        "proof": f"{content['evaluation_id']} · SHA-256 {content['sha256'][:16]}…",
        "notices": notices(content, texts),
        "words": {"service": texts.text("Key County expert guidance service"), "contents": texts.text("Contents")},
        "headline": None if content["kind"] == "national" else _headline(content, texts),
        "cover": [[texts.text(name), value] for name, value in _cover(content, texts) if value],
        "sections": [_section(table, content, texts) for table in tables(content, texts)],
    }


def _headline(content: Content, texts: Texts) -> Data:
    colour = content["colour"] or "none"
    figure = "–" if content["index"] is None else f"{content['index']:.1f}"
    return {"name": texts.text("Unit index"), "figure": figure, "colour": colour, "word": texts.code(colour)}


def _cover(content: Content, texts: Texts) -> list[tuple[str, str | None]]:
    classes = content["guidance_class"] if content["kind"] == "unit" else {}
    frozen = moment(content, content["frozen_at"])
    return [
        ("Round", content["round_id"]),
        ("Guidance class decided", texts.code(classes.get("decided"))),
        ("Guidance class suggested", texts.code(classes.get("suggested"))),
        ("Units", str(content["units"]) if content["kind"] == "national" else None),
        ("Frozen at", f"{frozen} ({content['timezone']})"),
        ("Evaluation", content["evaluation_id"]),
        ("Supersedes", content["supersedes"]),
        ("SHA-256", content["sha256"]),
    ]


def _section(table: Table, content: Content, texts: Texts) -> Data:
    return {
        "title": table.title,
        "headings": [heading for heading, _ in table.columns],
        "widths": _widths(table),
        "aligns": ["left" if kind in WORDS else "right" for _, kind in table.columns],
        "rows": [[shown(cell, kind) for cell, (_, kind) in zip(row, table.columns, strict=True)] for row in table.rows],
        "chart": chart(table, content, texts),
    }


_WIDTHS = {"suggestions": [1, 2, 1], "behind": [0, 0, 1, 2]}


def _widths(table: Table) -> list[int]:
    """Shares of the page's width for texts, 0 for columns as wide as what is in them."""
    found = _WIDTHS.get(table.id) or [int(kind == "text") for _, kind in table.columns]
    return found if any(found) else [1, *found[1:]]
