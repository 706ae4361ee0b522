"""The tables of a unit's evaluation that are about findings: problems, agreement of stages, long-term mechanism."""

from collections.abc import Callable

from services.reporting.render.table import Cell, Columns, Content, Table, facts, item_title, table
from services.reporting.render.texts import Texts

_TALLY: Columns = [("Findings", "count"), ("Major", "count"), ("Open", "count"), ("Overdue", "count")]


def _tally(row: Content) -> tuple[Cell, ...]:
    return (row["total"], row["major"], row["open"], row["overdue"])


def _by(name: str, title: str, heading: str) -> Callable[[Content, Texts], Table]:
    def build(content: Content, texts: Texts) -> Table:
        rows = [
            (texts.code(row["key"] if row["key"] != "none" else "no_focus"), *_tally(row))
            for row in content["problems"][name]
        ]
        return table(name, texts, title, [(heading, "text"), *_TALLY], rows)

    return build


def _by_item(content: Content, texts: Texts) -> Table:
    columns: Columns = [
        ("Checklist", "word"),
        ("Item", "word"),
        ("What it is about", "text"),
        *_TALLY,
        ("Enterprises", "count"),
    ]
    rows = [
        (row["checklist"], row["item"], item_title(content, row, texts), *_tally(row), len(row["enterprises"]))
        for row in content["problems"]["by_item"]
    ]
    return table("by_item", texts, "Problems by item", columns, rows)


def _agreement(content: Content, texts: Texts) -> Table:
    rows = [(_stages(key, texts), count) for key, count in content["agreement"]["found_by"].items()]
    return table(
        "agreement", texts, "Who found what", [("Stages that reported it", "text"), ("Findings", "count")], rows
    )


def _stages(key: str, texts: Texts) -> str:
    return " + ".join(texts.code(stage) for stage in key.split("+"))


def _honesty(content: Content, texts: Texts) -> Table:
    agreed = content["agreement"]
    named = [("Honesty of the enterprises", agreed["honesty"]), ("Strictness of the county", agreed["strictness"])]
    rows: list[tuple[Cell, ...]] = [(texts.text(name), row["share"], row["part"], row["whole"]) for name, row in named]
    names = content["enterprise_names"]
    for row in agreed["least_honest"]:
        known, figure = texts.name(names.get(row["enterprise_id"])) or row["enterprise_id"], row["honesty"]
        rows.append((known, figure["share"], figure["part"], figure["whole"]))
    columns: Columns = [
        ("Of the major findings others reported", "text"),
        ("Share", "percent"),
        ("Had reported", "count"),
        ("Of", "count"),
    ]
    return table("honesty", texts, "Honesty and strictness", columns, rows)


def _estimate(content: Content, texts: Texts) -> Table:
    found = content["agreement"]["estimate"] or {}
    rows: list[tuple[str, Cell]] = [
        ("Found by self-inspection", found.get("first")),
        ("Found by expert verification", found.get("second")),
        ("Found by both", found.get("both")),
        ("Distinct findings seen", found.get("seen")),
        ("Estimated total", _rounded(found.get("total"))),
        ("95 % interval, from", _rounded(found.get("low"))),
        ("95 % interval, to", _rounded(found.get("high"))),
        ("Estimate of what nobody found", _rounded(found.get("unseen"))),
        (
            "Caution",
            texts.text("Fewer than seven findings in common: the estimate is shaky.") if found.get("shaky") else None,
        ),
        ("Method", found.get("method")),
    ]
    return facts("estimate", texts, "What nobody found (capture-recapture)", rows)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _long_term(content: Content, texts: Texts) -> Table:
    found = content["long_term"]
    rows = [
        ("Carried over", found["carried_over"]),
        ("Carried over and closed", found["carried_over_closed"]),
        ("Recurring", found["recurring"]),
    ]
    return table(
        "long_term",
        texts,
        "Long-term mechanism",
        [("Findings", "text"), ("Number", "count")],
        [(texts.text(name), count) for name, count in rows],
    )


def _recurring(content: Content, texts: Texts) -> Table:
    columns: Columns = [("Checklist", "word"), ("Item", "word"), ("What it is about", "text"), *_TALLY]
    rows = [
        (row["checklist"], row["item"], item_title(content, row, texts), *_tally(row))
        for row in content["long_term"]["recurring_items"]
    ]
    return table("recurring", texts, "Items that came back", columns, rows)


def _periods(content: Content, texts: Texts) -> Table:
    columns: Columns = [
        ("Important period", "text"),
        ("From day", "word"),
        ("To day", "word"),
        ("Major findings open in it", "count"),
        ("Still open", "count"),
        ("Enterprises", "count"),
    ]
    rows = [
        (
            row["period"]["name"],
            row["period"]["from"],
            row["period"]["to"],
            row["major"],
            row["still_open"],
            len(row["enterprises"]),
        )
        for row in content["important_periods"]
    ]
    return table("periods", texts, "Important periods", columns, rows)


FINDINGS_TABLES = (
    _by("by_focus", "Problems by focus area", "Focus area"),
    _by("by_stage", "Problems by stage", "Stage"),
    _by_item,
    _agreement,
    _honesty,
    _estimate,
    _long_term,
    _recurring,
    _periods,
)
