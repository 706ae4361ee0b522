"""The tables of a unit's evaluation, in one language and in the order of the report."""

from collections.abc import Callable, Sequence

from services.reporting.render.table import Cell, Content, Kind, Table, accidents, facts, proof, table
from services.reporting.render.texts import Texts

MOST_NAMED = 5


def _summary(content: Content, texts: Texts) -> Table:
    decided, no = content["guidance_class"], texts.text("No")
    return facts(
        "summary",
        texts,
        "Summary",
        [
            ("Unit", texts.name(content["name"]) or content["unit_id"]),
            ("Round", content["round_id"]),
            ("Unit index", content["index"]),
            ("Colour", texts.code(content["colour"] or "none")),
            ("Colour without vetoes", texts.code(content["colour_without_vetoes"])),
            ("Provisional", texts.text("Yes") if content["provisional"] else no),
            ("Vetoes", "; ".join(texts.code(veto["id"]) for veto in content["vetoes"])),
            ("National median", content["national_median"]),
            ("Median of the class", content["class_median"]),
            ("Enrolled enterprises", content["enterprises"]),
            ("Guidance class decided", texts.code(decided["decided"])),
            ("Decided by", decided["decided_by"]),
            ("Reason given", decided["decided_reason"]),
            ("Guidance class suggested", texts.code(decided["suggested"])),
            ("Reason of the suggestion", texts.code(decided["reason"])),
        ],
    )


def _components(content: Content, texts: Texts) -> Table:
    columns: list[tuple[str, Kind]] = [
        ("Component", "text"),
        ("Score", "percent"),
        ("Weight", "number"),
        ("Median of the class", "percent"),
        ("National median", "percent"),
        ("Clause", "text"),
    ]
    rows = [
        (texts.code(row["id"]), row["score"], row["weight"], row["class_median"], row["national_median"], row["clause"])
        for row in content["components"]
    ]
    return table("components", texts, "What the index is made of", columns, rows)


def _short_boards(content: Content, texts: Texts) -> Table:
    columns: list[tuple[str, Kind]] = [
        ("Component", "text"),
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
    columns: list[tuple[str, Kind]] = [("About", "text"), ("Guidance suggested", "text"), ("After", "text")]
    rows = [
        (_about(row, texts), texts.either(row["suggestion"]), texts.code(row["suggestion"]["after"]))
        for row in content["suggestions"]
    ]
    return table("suggestions", texts, "Guidance suggested", columns, rows)


def _about(row: Content, texts: Texts) -> str:
    kind, _, name = row["about"].partition(":")
    return texts.code(name) if kind == "component" else f"{row['about']} ({row['count']})"


def _rates(content: Content, texts: Texts) -> Table:
    columns: list[tuple[str, Kind]] = [
        ("Rate", "text"),
        ("Share", "percent"),
        ("Done", "count"),
        ("Of", "count"),
        ("Enterprises behind", "count"),
    ]
    rows = [
        (texts.code(row["id"]), row["share"], row["part"], row["whole"], len(row["behind"])) for row in content["rates"]
    ]
    return table("rates", texts, "The four 100 % rates", columns, rows)


def _behind(content: Content, texts: Texts) -> Table:
    columns: list[tuple[str, Kind]] = [("Rate", "text"), ("Enterprise", "text"), ("Name", "text"), ("Lacking", "text")]
    names = content["enterprise_names"]
    rows = [
        (
            texts.code(rate["id"]),
            row["enterprise_id"],
            texts.name(names.get(row["enterprise_id"])),
            _short(row["lacking"], texts),
        )
        for rate in content["rates"]
        for row in rate["behind"]
    ]
    return table("behind", texts, "Enterprises that keep a rate below 100 %", columns, rows)


def _short(lacking: Sequence[str], texts: Texts) -> str:
    """The first few ids, finding ids by their first eight characters, and how many there are."""
    named = [thing if len(thing) < 30 else thing[:8] for thing in lacking[:MOST_NAMED]]
    rest = [texts.text("%(n)s in all") % {"n": len(lacking)}] if len(lacking) > MOST_NAMED else []
    return ", ".join([*named, *rest])


def _trend(content: Content, texts: Texts) -> Table:
    columns: list[tuple[str, Kind]] = [("Round", "text"), ("Unit index", "number"), ("Colour", "text")]
    rows = [(row["round_id"], row["index"], texts.code(row["colour"] or "none")) for row in content["trend"]]
    return table("trend", texts, "Trend over rounds", columns, rows)


_TALLY: list[tuple[str, Kind]] = [("Findings", "count"), ("Major", "count"), ("Open", "count"), ("Overdue", "count")]


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
    rows = [
        (row["checklist"], row["item"], *_tally(row), len(row["enterprises"])) for row in content["problems"]["by_item"]
    ]
    columns: list[tuple[str, Kind]] = [("Checklist", "text"), ("Item", "text"), *_TALLY, ("Enterprises", "count")]
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
        known, figure = texts.name(names.get(row["enterprise_id"])), row["honesty"]
        rows.append((f"{row['enterprise_id']} {known}", figure["share"], figure["part"], figure["whole"]))
    columns: list[tuple[str, Kind]] = [
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


def _key_tasks(content: Content, texts: Texts) -> Table:
    rows = [(row["id"], row["name"], row["progress"]) for row in content["key_tasks"]]
    return table("key_tasks", texts, "Key tasks", [("Task", "text"), ("Name", "text"), ("Progress", "percent")], rows)


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
    rows = [(row["checklist"], row["item"], *_tally(row)) for row in content["long_term"]["recurring_items"]]
    return table("recurring", texts, "Items that came back", [("Checklist", "text"), ("Item", "text"), *_TALLY], rows)


def _guidance(content: Content, texts: Texts) -> Table:
    columns: list[tuple[str, Kind]] = [
        ("Day", "text"),
        ("Kind", "text"),
        ("Team", "text"),
        ("Hours", "number"),
        ("People", "count"),
        ("Text", "text"),
    ]
    rows = [
        (row["on"], texts.code(row["kind"]), row["team_id"], row["hours"], row["people"], row["text"])
        for row in content["guidance_records"]
    ]
    return table("guidance", texts, "Guidance and training given", columns, rows)


def _alerts(content: Content, texts: Texts) -> Table:
    found = content["alert_response"]
    columns: list[tuple[str, Kind]] = [
        ("Severity", "text"),
        ("Alerts", "count"),
        ("Answered", "count"),
        ("Median minutes to the answer", "number"),
    ]
    rows = [
        (texts.code(name), row["alerts"], row["acknowledged"], row["median_minutes"])
        for name, row in found["by_severity"].items()
    ]
    if rows:
        rows.append((texts.text("All"), found["alerts"], found["acknowledged"], found["median_minutes"]))
    return table("alerts", texts, "Alert response", columns, rows)


UNIT_TABLES = (
    _summary,
    _components,
    _short_boards,
    _suggestions,
    _rates,
    _behind,
    _trend,
    _by("by_focus", "Problems by focus area", "Focus area"),
    _by("by_stage", "Problems by stage", "Stage"),
    _by_item,
    _agreement,
    _honesty,
    _estimate,
    _key_tasks,
    _long_term,
    _recurring,
    _guidance,
    _alerts,
    accidents,
    proof,
)
