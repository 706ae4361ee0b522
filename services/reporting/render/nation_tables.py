"""The tables of a round's national evaluation, in one language and in the order of the report."""

from services.reporting.render.table import Content, Kind, Table, accidents, facts, proof, table
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
    columns: list[tuple[str, Kind]] = [
        ("Rank", "count"),
        ("Unit", "text"),
        ("Unit index", "number"),
        ("Colour", "text"),
        ("Change", "number"),
        ("Guidance class decided", "text"),
        ("Place in its class", "count"),
        ("Guidance class suggested", "text"),
        ("Short boards", "text"),
    ]
    rows = [
        (
            row["place"],
            texts.name(row["name"]) or row["unit_id"],
            row["index"],
            texts.code(row["colour"] or "none"),
            row["change"],
            texts.code(row["guidance_class"]["decided"]),
            row["place_in_class"],
            texts.code(row["guidance_class"]["suggested"]),
            "; ".join(texts.code(board) for board in row["short_boards"]),
        )
        for row in content["ranking"]
    ]
    return table("ranking", texts, "Ranking with like peers", columns, rows)


def _nation_rates(content: Content, texts: Texts) -> Table:
    columns: list[tuple[str, Kind]] = [("Rate", "text"), ("Share", "percent"), ("Done", "count"), ("Of", "count")]
    rows = [
        (texts.code(name), row["share"], row["part"], row["whole"])
        for name in RATES
        if (row := content["rates"].get(name))
    ]
    return table("rates", texts, "The four 100 % rates", columns, rows)


def _common(content: Content, texts: Texts) -> Table:
    columns: list[tuple[str, Kind]] = [
        ("Checklist", "text"),
        ("Item", "text"),
        ("Findings", "count"),
        ("Major", "count"),
        ("Units", "count"),
    ]
    rows = [
        (row["checklist"], row["item"], row["findings"], row["major"], len(row["units"]))
        for row in content["common_problems"]
    ]
    return table("common", texts, "Common problems", columns, rows)


def _periods(content: Content, texts: Texts) -> Table:
    columns: list[tuple[str, Kind]] = [
        ("Important period", "text"),
        ("From day", "text"),
        ("To day", "text"),
        ("Units with open major findings", "text"),
    ]
    rows = [
        (row["period"]["name"], row["period"]["from"], row["period"]["to"], ", ".join(row["units"]))
        for row in content["important_periods"]
    ]
    return table("periods", texts, "Areas under important periods", columns, rows)


NATION_TABLES = (_summary, _ranking, _nation_rates, _common, _periods, accidents, proof)
