"""What a table of an evaluation is, and those that both kinds have; used by unit_tables and nation_tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from services.reporting.render.texts import Texts

# A word is a text that stays on one line: a code, a day, an id.
Kind = Literal["text", "word", "count", "number", "percent"]
Columns = Sequence[tuple[str, Kind]]
Cell = str | float | int | None
Content = Mapping[str, Any]
WORDS: tuple[Kind, ...] = ("text", "word")
SYNTHETIC = "Synthetic data: made up for demonstration. It says nothing about any real place or enterprise."


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table; `columns` are (heading, kind), cells fit their column's kind or are None."""

    id: str
    title: str
    columns: tuple[tuple[str, Kind], ...]
    rows: tuple[tuple[Cell, ...], ...]


def shown(cell: Cell, kind: Kind) -> str:
    """A cell as people read it; a hundred per cent is only said of all."""
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return cell
    if kind == "percent":
        return "100 %" if cell == 1 else f"{min(cell * 100, 99.9):.1f} %"
    return f"{cell:.1f}" if kind == "number" else f"{cell}"


def report_title(content: Content, texts: Texts) -> str:
    """What kind of evaluation it is."""
    return texts.text("National evaluation" if content["kind"] == "national" else "Comprehensive evaluation")


def place(content: Content, texts: Texts) -> str:
    """The unit's name, or the nation."""
    return texts.text("Nationwide") if content["kind"] == "national" else named(content, texts)


def named(row: Content, texts: Texts) -> str:
    """The name of a unit, its id where the registry has none."""
    return texts.name(row["name"]) or str(row["unit_id"])


def notices(content: Content, texts: Texts) -> list[str]:
    """What has to be said on every rendering."""
    return [texts.text(SYNTHETIC)] * content["synthetic"] + [texts.text(content["notice"])]


def moment(content: Content, stamp: str | None) -> str | None:
    """A time in the zone that the evaluation was frozen in, to the minute."""
    if stamp is None:
        return None
    return datetime.fromisoformat(stamp).astimezone(ZoneInfo(content["timezone"])).strftime("%Y-%m-%d %H:%M")


def item_title(content: Content, row: Content, texts: Texts) -> str:
    """What the checklist's item of a row is about."""
    return texts.name(content["item_titles"].get(f"{row['checklist']}/{row['item']}"))


def table(name: str, texts: Texts, title: str, columns: Columns, rows: Sequence[Sequence[Cell]]) -> Table:
    """A table with its title and headings translated."""
    headings = tuple((texts.text(heading), kind) for heading, kind in columns)
    return Table(name, texts.text(title), headings, tuple(tuple(row) for row in rows))


def facts(name: str, texts: Texts, title: str, rows: Sequence[tuple[str, Cell]]) -> Table:
    shown = [(texts.text(heading), plain(value)) for heading, value in rows if value not in (None, "")]
    return table(name, texts, title, [("Fact", "word"), ("Value", "text")], shown)


def plain(value: Cell) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def proof(content: Content, texts: Texts) -> Table:
    cuts = [
        f"{topic} {partition}:{offset}"
        for topic, cut in content["cut_off"].items()
        for partition, offset in cut.items()
    ]
    rules = [f"{ref['id']}@{ref['version']} ({ref['sha256'][:12]})" for ref in content["rule_sets"]]
    return facts(
        "proof",
        texts,
        "Proof",
        [
            ("Evaluation", content["evaluation_id"]),
            ("SHA-256", content["sha256"]),
            ("Frozen at", f"{moment(content, content['frozen_at'])} ({content['timezone']})"),
            ("Frozen by", content["frozen_by"]),
            ("Supersedes", content["supersedes"]),
            ("Data cut-off", ", ".join(cuts)),
            ("Rule sets", ", ".join(rules)),
        ],
    )


def accidents(content: Content, texts: Texts) -> Table:
    columns: Columns = [
        ("Time", "word"),
        ("Enterprise", "text"),
        ("Grade", "word"),
        ("Deaths", "count"),
        ("Missing", "count"),
        ("Serious injuries", "count"),
        ("Direct loss (yuan)", "number"),
    ]
    rows = [
        (
            moment(content, row["occurred_at"]),
            row["enterprise_id"],
            texts.code(row["grade"]),
            row["deaths"],
            row["missing"],
            row["serious_injuries"],
            row["direct_loss_yuan"],
        )
        for row in content["accidents"]
    ]
    return table("accidents", texts, "Accidents in the round", columns, rows)
