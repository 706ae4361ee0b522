"""The demo's outcome as a person reads it: units by colour and why, alerts, one evaluation's short boards."""

import statistics

from rich.console import Console
from rich.table import Table

from deploy.cli.demo.outcome import Outcome
from deploy.cli.demo.world import ROUND, Body, World

_STYLES = {"blue": "blue", "yellow": "yellow", "orange": "dark_orange", "red": "red"}
SHOWN_ALERTS = 40


def show(console: Console, outcome: Outcome, world: World) -> None:
    """Every table, and how long a message took from the POST."""
    names = {unit["id"]: f"{unit['name']['zh']} {unit['name']['en'].split(',')[0]}" for unit in world.units}
    _show_units(console, outcome, names)
    _show_alerts(console, outcome)
    _show_evaluation(console, outcome, names)
    if outcome.latencies:
        median = statistics.median(outcome.latencies)
        console.print(
            f"\nPOST to webhook at the receiver: median {median:.3f} s over {len(outcome.latencies)} findings"
        )


def _table(console: Console, title: str, *columns: str) -> Table:
    console.print(f"\n[bold]{title}[/]")
    table = Table()
    for column in columns:
        table.add_column(column, justify="right" if column in ("Index", "Score") else "left")
    return table


def _show_units(console: Console, outcome: Outcome, names: dict[str, str]) -> None:
    title = "Units by colour (the unit index is this product's own choice; every result is synthetic)"
    table = _table(console, title, "Unit", "Index", "Colour", "Why")
    for risk in sorted(outcome.units, key=lambda one: one["index"] or 0):
        style = _STYLES.get(risk["colour"] or "", "white")
        table.add_row(names[risk["unit_id"]], f"{risk['index']:.1f}", f"[{style}]{risk['colour']}[/]", reason(risk))
    console.print(table)


def reason(risk: Body) -> str:
    """In words: the vetoes that fired, else the two components that cost the most points."""
    if risk["vetoes"]:
        return "veto: " + ", ".join(risk["vetoes"])
    known = [part for part in risk["components"] if part["score"] is not None]
    lost = sorted(((1 - part["score"]) * part["weight"], part["id"]) for part in known)
    return "most lost in " + ", ".join(f"{name} (-{points:.1f})" for points, name in reversed(lost[-2:]))


def _show_alerts(console: Console, outcome: Outcome) -> None:
    title = "Alerts (policy with short timers, for the demo only)"
    table = _table(console, title, "Unit", "Kind", "Severity", "State", "Told", "Answered by")
    for alert in outcome.alerts[:SHOWN_ALERTS]:
        kind = alert["kind"] + (" DRILL" if alert["drill"] else "")
        table.add_row(alert["unit_id"], kind, alert["severity"], alert["state"], told(alert), answered(alert))
    console.print(table)
    if len(outcome.alerts) > SHOWN_ALERTS:
        console.print(f"… and {len(outcome.alerts) - SHOWN_ALERTS} more on the duty board")


def told(alert: Body) -> str:
    """The authorities that took a message about the alert, in order, each with its channels."""
    channels: dict[str, list[str]] = {}
    for entry in alert["history"]:
        if entry["event"] == "alert.delivered":
            found = channels.setdefault(str(entry["authority_id"]), [])
            found += [entry["channel"]] if entry["channel"] not in found else []
    return ", ".join(f"{authority} ({', '.join(sorted(found))})" for authority, found in channels.items())


def answered(alert: Body) -> str:
    """Who acknowledged, if anybody."""
    return ", ".join(str(entry["by"]) for entry in alert["history"] if entry["event"] == "alert.acknowledged")


def _show_evaluation(console: Console, outcome: Outcome, names: dict[str, str]) -> None:
    evaluation = outcome.evaluation
    title = f"Evaluation of {names[evaluation['unit_id']]}, round {ROUND}: short boards"
    table = _table(console, title, "Board", "Score", "Why")
    for board in evaluation["short_boards"]:
        table.add_row(board["component"], f"{board['score']:.2f}", ", ".join(board["reasons"]))
    console.print(table)
    console.print(f"evaluation {evaluation['evaluation_id']}  sha256 {evaluation['sha256'][:16]}…")
