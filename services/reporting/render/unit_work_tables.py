"""The tables of a unit's evaluation that are about what was done: the four rates, key tasks, guidance, alerts."""

from collections.abc import Mapping, Sequence

from services.reporting.render.table import Columns, Content, Table, table
from services.reporting.render.texts import Texts

MOST_NAMED = 5


def _rates(content: Content, texts: Texts) -> Table:
    columns: Columns = [
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
    columns: Columns = [("Rate", "word"), ("Enterprise", "word"), ("Name", "text"), ("Lacking", "text")]
    names = content["enterprise_names"]
    rows = [
        (
            texts.code(rate["id"]),
            row["enterprise_id"],
            texts.name(names.get(row["enterprise_id"])),
            _short(row["lacking"], content["finding_labels"], texts),
        )
        for rate in content["rates"]
        for row in rate["behind"]
    ]
    return table("behind", texts, "Enterprises that keep a rate below 100 %", columns, rows)


def _short(lacking: Sequence[str], labels: Mapping[str, str], texts: Texts) -> str:
    """The first few hazard units or findings, and how many there are."""
    known = [labels.get(thing, thing) for thing in lacking[:MOST_NAMED]]
    rest = [texts.text("%(n)s in all") % {"n": len(lacking)}] if len(lacking) > MOST_NAMED else []
    return ", ".join([*known, *rest])


def _key_tasks(content: Content, texts: Texts) -> Table:
    rows = [(row["id"], row["name"], row["progress"]) for row in content["key_tasks"]]
    return table("key_tasks", texts, "Key tasks", [("Task", "word"), ("Name", "text"), ("Progress", "percent")], rows)


def _guidance(content: Content, texts: Texts) -> Table:
    columns: Columns = [
        ("Day", "word"),
        ("Kind", "word"),
        ("Team", "word"),
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
    columns: Columns = [
        ("Severity", "word"),
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


RATE_TABLES = (_rates, _behind)
WORK_TABLES = (_key_tasks, _guidance, _alerts)
