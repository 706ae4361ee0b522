"""The tables of a unit's evaluation, in one language and in the order of the report."""

from services.reporting.render.table import Columns, Content, Table, accidents, facts, named, proof, table
from services.reporting.render.texts import Texts
from services.reporting.render.unit_findings_tables import FINDINGS_TABLES
from services.reporting.render.unit_work_tables import RATE_TABLES, WORK_TABLES


def _summary(content: Content, texts: Texts) -> Table:
    decided, no = content["guidance_class"], texts.text("No")
    return facts(
        "summary",
        texts,
        "Summary",
        [
            ("Unit", named(content, texts)),
            ("Round", content["round_id"]),
            ("Unit index", content["index"]),
            ("Colour", texts.code(content["colour"] or "none")),
            ("Colour without vetoes", texts.code(content["colour_without_vetoes"])),
            ("Provisional", texts.text("Yes") if content["provisional"] else no),
            ("Vetoes", "; ".join(texts.code(veto["id"]) for veto in content["vetoes"])),
            ("National median", content["national_median"]),
            ("Median of the class", content["class_median"]),
            ("Enrolled enterprises", content["enterprises"]),
            ("Guidance class of the round before", texts.code(decided["before"])),
            ("Guidance class decided", texts.code(decided["decided"])),
            ("Decided by", decided["decided_by"]),
            ("Reason given", decided["decided_reason"]),
            ("Guidance class suggested", texts.code(decided["suggested"])),
            ("Reason of the suggestion", texts.code(decided["reason"])),
        ],
    )


def _components(content: Content, texts: Texts) -> Table:
    columns: Columns = [
        ("Component", "word"),
        ("Score", "percent"),
        ("Weight", "number"),
        ("Median of the class", "percent"),
        ("National median", "percent"),
        ("Clause", "word"),
    ]
    rows = [
        (texts.code(row["id"]), row["score"], row["weight"], row["class_median"], row["national_median"], row["clause"])
        for row in content["components"]
    ]
    return table("components", texts, "What the index is made of", columns, rows)


def _short_boards(content: Content, texts: Texts) -> Table:
    columns: Columns = [
        ("Component", "word"),
        ("Score", "percent"),
        ("Why", "text"),
        ("Floor", "percent"),
        ("Percentile of the class", "percent"),
        ("Peers", "count"),
    ]
    rows = [
        (
            texts.code(row["component"]),
            row["score"],
            "; ".join(texts.code(reason) for reason in row["reasons"]),
            row["floor"],
            row["class_percentile"],
            row["peers"],
        )
        for row in content["short_boards"]
    ]
    return table("short_boards", texts, "Short boards", columns, rows)


def _suggestions(content: Content, texts: Texts) -> Table:
    columns: Columns = [("About", "text"), ("Guidance suggested", "text"), ("After", "text")]
    rows = [
        (_about(content, row, texts), texts.either(row["suggestion"]), _source(row["suggestion"]["after"], texts))
        for row in content["suggestions"]
    ]
    return table("suggestions", texts, "Guidance suggested", columns, rows)


def _about(content: Content, row: Content, texts: Texts) -> str:
    kind, _, name = row["about"].partition(":")
    if kind == "component":
        return texts.code(name)
    title = texts.name(content["item_titles"].get(row["about"]))
    return f"{row['about']} {title} ({texts.text('%(n)s open') % {'n': row['count']}})"


def _source(after: str, texts: Texts) -> str:
    return texts.code(after) if after == "ours" else after


def _trend(content: Content, texts: Texts) -> Table:
    columns: Columns = [("Round", "word"), ("Unit index", "number"), ("Colour", "word")]
    rows = [(row["round_id"], row["index"], texts.code(row["colour"] or "none")) for row in content["trend"]]
    return table("trend", texts, "Trend over rounds", columns, rows)


UNIT_TABLES = (
    _summary,
    _components,
    _trend,
    _short_boards,
    _suggestions,
    *RATE_TABLES,
    *FINDINGS_TABLES,
    *WORK_TABLES,
    accidents,
    proof,
)
