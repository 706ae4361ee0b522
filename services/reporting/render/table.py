"""What a table of an evaluation is, and those that both kinds have; used by unit_tables and nation_tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from services.reporting.render.texts import Texts

Kind = Literal["text", "count", "number", "percent"]
Cell = str | float | int | None
Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table; `columns` are (heading, kind), cells fit their column's kind or are None."""

    id: str
    title: str
    columns: tuple[tuple[str, Kind], ...]
    rows: tuple[tuple[Cell, ...], ...]


def table(
    name: str, texts: Texts, title: str, columns: Sequence[tuple[str, Kind]], rows: Sequence[Sequence[Cell]]
) -> Table:
    """A table with its title and headings translated."""
    headings = tuple((texts.text(heading), kind) for heading, kind in columns)
    return Table(name, texts.text(title), headings, tuple(tuple(row) for row in rows))


def facts(name: str, texts: Texts, title: str, rows: Sequence[tuple[str, Cell]]) -> Table:
    shown = [(texts.text(heading), plain(value)) for heading, value in rows if value not in (None, "")]
    return table(name, texts, title, [("Fact", "text"), ("Value", "text")], shown)


def plain(value: Cell) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


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
            ("Frozen at", content["frozen_at"]),
            ("Frozen by", content["frozen_by"]),
            ("Supersedes", content["supersedes"]),
            ("Data cut-off", ", ".join(cuts)),
            ("Rule sets", ", ".join(rules)),
        ],
    )


def accidents(content: Content, texts: Texts) -> Table:
    columns: list[tuple[str, Kind]] = [
        ("Time", "text"),
        ("Enterprise", "text"),
        ("Grade", "text"),
        ("Deaths", "count"),
        ("Missing", "count"),
        ("Serious injuries", "count"),
        ("Direct loss (yuan)", "number"),
    ]
    rows = [
        (
            row["occurred_at"],
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
