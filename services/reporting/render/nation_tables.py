"""The tables of a round's national evaluation, in one language and in the order of the report."""

from services.reporting.render.table import (
    Cell,
    Columns,
    Content,
    Table,
    accidents,
    facts,
    item_title,
    named,
    proof,
    table,
)
from services.reporting.render.texts import Texts
from services.reporting.rules.rates import RATES


def _summary(content: Content, texts: Texts) -> Table:
    colours = ", ".join(f"{texts.code(colour)} {count}" for colour, count in content["colours"].items())
    return facts(
        "summary",
        texts,
        "Summary",
        [
            ("Round", content["round_id"]),
            ("Units", content["units"]),
            ("Units by colour", colours),
            ("National median", content["median_index"]),
            ("Alerts", content["alerts"]),
        ],
    )


def _ranking(content: Content, texts: Texts) -> Table:
    columns: Columns = [
        ("Rank", "count"),
        ("Unit", "text"),
        ("Unit index", "number"),
        ("Colour", "word"),
        ("Change", "number"),
        ("Guidance class", "word"),
        ("Place in its class", "count"),
        ("Open major", "count"),
    ]
    rows = [
        (
            row["place"],
            named(row, texts),
            row["index"],
            texts.code(row["colour"] or "none"),
            row["change"],
            texts.code(row["guidance_class"]["decided"]),
            row["place_in_class"],
            row["open_major"],
        )
        for row in content["ranking"]
    ]
    return table("ranking", texts, "Ranking with like peers", columns, rows)


def _boards(content: Content, texts: Texts) -> Table:
    rows = [
        (named(row, texts), "; ".join(texts.code(board) for board in row["short_boards"]))
        for row in content["ranking"]
        if row["short_boards"]
    ]
    return table("boards", texts, "Short boards by unit", [("Unit", "text"), ("Short boards", "text")], rows)


def _classes(content: Content, texts: Texts) -> Table:
    columns: Columns = [
        ("Unit", "text"),
        ("The round before", "word"),
        ("Decided", "word"),
        ("Suggested", "word"),
        ("Changes", "word"),
        ("Reason of the suggestion", "text"),
    ]
    changing = {row["unit_id"] for row in content["class_changes"]}
    rows = []
    for row in content["ranking"]:
        found = row["guidance_class"]
        classes = (texts.code(found[when]) for when in ("before", "decided", "suggested"))
        changes = texts.text("Yes" if row["unit_id"] in changing else "No")
        rows.append((named(row, texts), *classes, changes, texts.code(found["reason"])))
    return table("classes", texts, "Guidance classes and their changes", columns, rows)


def _nation_rates(content: Content, texts: Texts) -> Table:
    columns: Columns = [("Rate", "text"), ("Share", "percent"), ("Done", "count"), ("Of", "count")]
    rows = [
        (texts.code(name), row["share"], row["part"], row["whole"])
        for name in RATES
        if (row := content["rates"].get(name))
    ]
    return table("rates", texts, "The four 100 % rates", columns, rows)


def _common(content: Content, texts: Texts) -> Table:
    columns: Columns = [
        ("Checklist", "word"),
        ("Item", "word"),
        ("What it is about", "text"),
        ("Findings", "count"),
        ("Major", "count"),
        ("Open", "count"),
        ("Units", "count"),
    ]
    rows = [
        (
            row["checklist"],
            row["item"],
            item_title(content, row, texts),
            row["findings"],
            row["major"],
            row["open"],
            len(row["units"]),
        )
        for row in content["common_problems"]
    ]
    return table("common", texts, "Common problems", columns, rows)


def _periods(content: Content, texts: Texts) -> Table:
    columns: Columns = [
        ("Important period", "text"),
        ("From day", "word"),
        ("To day", "word"),
        ("Unit", "text"),
        ("Major findings open in it", "count"),
        ("Still open", "count"),
        ("Enterprises", "count"),
    ]
    rows: list[tuple[Cell, ...]] = []
    for found in content["important_periods"]:
        period = (found["period"]["name"], found["period"]["from"], found["period"]["to"])
        hit = [(named(row, texts), row["major"], row["still_open"], row["enterprises"]) for row in found["units"]]
        rows += [(*period, *row) for row in hit or [(texts.text("No unit"), 0, 0, 0)]]
    return table("periods", texts, "Areas under important periods", columns, rows)


NATION_TABLES = (_summary, _ranking, _boards, _classes, _nation_rates, _common, _periods, accidents, proof)
