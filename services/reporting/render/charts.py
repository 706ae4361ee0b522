"""The charts of an evaluation as data, drawn by the PDF's template and by the page; each has words that say it."""

from typing import Any

from services.reporting.render.table import Cell, Content, Kind, Table, shown
from services.reporting.render.texts import Texts

Chart = dict[str, Any]
# Of these tables: the columns of label, value, and the value that is marked beside it.
_BARS: dict[str, tuple[int, int, int | None]] = {
    "components": (0, 1, 3),
    "rates": (0, 1, None),
    "key_tasks": (1, 2, None),
    "by_focus": (0, 1, None),
    "by_stage": (0, 1, None),
    "agreement": (0, 1, None),
}


def chart(table: Table, content: Content, texts: Texts) -> Chart | None:
    """The chart that goes with a table, if any: `bars`, `trend` or `strip`, with `alt`, and `note` where needed."""
    if table.id in _BARS:
        return _bars(table, texts)
    if table.id == "ranking":
        return _ranking(table, content)
    if table.id == "summary" and content["kind"] == "national":
        return _strip(table, content, texts)
    return _trend(table, content) if table.id == "trend" else None


def _bars(table: Table, texts: Texts) -> Chart:
    label, value, mark = _BARS[table.id]
    kind = table.columns[value][1]
    largest = max((_number(row[value]) for row in table.rows), default=0.0)
    whole = 1.0 if kind == "percent" else largest or 1.0
    items = [_bar(row[label], row[value], kind, whole, None if mark is None else row[mark]) for row in table.rows]
    return {
        "kind": "bars",
        "items": items,
        "alt": _alternative(table, items),
        "note": texts.text("Yellow line: median of the class.") if mark else "",
    }


def _bar(label: Cell, value: Cell, kind: Kind, whole: float, mark: Cell) -> Chart:
    share = None if value is None else min(1.0, _number(value) / whole)
    return {"label": label, "share": share, "mark": mark, "text": shown(value, kind), "colour": None}


def _number(value: Cell) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _ranking(table: Table, content: Content) -> Chart:
    items = [
        _bar(cells[1], row["index"], "number", 100.0, None) | {"colour": row["colour"]}
        for cells, row in zip(table.rows, content["ranking"], strict=True)
    ]
    return {"kind": "bars", "items": items, "alt": _alternative(table, items), "note": ""}


def _strip(table: Table, content: Content, texts: Texts) -> Chart:
    order = [colour for colour in ("blue", "yellow", "orange", "red", "none") if content["colours"].get(colour)]
    items = [{"colour": one, "label": texts.code(one), "text": str(content["colours"][one])} for one in order]
    return {"kind": "strip", "items": items, "alt": _alternative(table, items), "note": ""}


def _trend(table: Table, content: Content) -> Chart | None:
    points = [
        {"label": row["round_id"], "value": row["index"], "colour": row["colour"], "text": f"{row['index']:.1f}"}
        for row in content["trend"]
        if row["index"] is not None
    ]
    if len(points) < 2:
        return None
    return {"kind": "trend", "items": points, "alt": _alternative(table, points), "note": ""}


def _alternative(table: Table, items: list[Chart]) -> str:
    return f"{table.title}: " + ", ".join(f"{item['label']} {item['text']}" for item in items) + "."
