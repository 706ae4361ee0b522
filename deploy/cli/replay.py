"""`keycounty replay`: folds the log again from its start and compares; rehearses draft rules."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from deploy.cli.connection import RunFileOption, read_run_file
from deploy.cli.failing import fail
from services.scoring.rules.fold import RuleSetMismatch
from services.scoring.settings import ScoringSettings
from services.scoring.wiring import replaying
from shared.errors import Unavailable
from shared.rulesets.tables import InvalidRules
from shared.settings import load

SHORT = 16


class ReplaySettings(ScoringSettings):
    """The settings without the store's: this command needs the broker alone."""

    mongo_uri: str = "mongodb://unused"


def instant(text: str) -> datetime:
    """RFC 3339, or a day; without an offset UTC. Raises `typer.BadParameter`."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise typer.BadParameter(f"{text!r} is no time such as 2023-02-20T08:00:00+08:00") from wrong
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def replay(
    rules: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A draft rule file; holds on every day, whatever its dates."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="TIME", help="Leave out events after this time (UTC without an offset)."),
    ] = None,
    run_file: RunFileOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with JSON.")] = False,
    outputs: Annotated[
        bool, typer.Option(help="With --json: hazards and the hash of each subject's last output.")
    ] = False,
) -> None:
    """Fold the log from its start without touching the live topics: a hash of each unit's state beside the live one's.

    With --rules: the units whose colour or alerts the draft would change. Exit 1 when a live state differs.
    """
    settings = _settings(run_file)
    try:
        report = asyncio.run(replaying(settings, rules).run(until))
    except InvalidRules as wrong:
        raise typer.BadParameter(str(wrong), param_hint="--rules") from wrong
    except (Unavailable, RuleSetMismatch) as wrong:
        fail(wrong)
    if as_json:
        typer.echo(json.dumps(report.as_json(outputs), default=str, ensure_ascii=False))
    else:
        _print(report.as_json(outputs=False), rules)
    raise typer.Exit(0 if report.same else 1)


def _settings(run_file: Path | None) -> ReplaySettings:
    if run_file is None:
        return load(ReplaySettings)
    return ReplaySettings(kafka_bootstrap=read_run_file(run_file)["kafka"])


def _print(body: dict[str, Any], rules: Path | None) -> None:
    table = Table("unit", "state folded again", "live state", "")
    for unit in body["units"]:
        live = unit["live_hash"]
        verdict = "not compared" if live is None else "same" if live == unit["hash"] else "DIFFERS"
        table.add_row(unit["unit_id"], unit["hash"][:SHORT], (live or "")[:SHORT], verdict)
    Console().print(table)
    typer.echo(f"state hash {body['state_hash']}: {'no unit differs' if body['same'] else 'units differ'}")
    if rules is not None:
        Console().print(_draft_table(body["differences"]))


def _draft_table(differences: list[dict[str, Any]]) -> Table:
    table = Table("unit", "colour", "with the draft", "new alerts", "lost alerts")
    for each in differences:
        new, lost = (str(len(each[name])) for name in ("new_alerts", "lost_alerts"))
        table.add_row(str(each["unit_id"]), str(each["colour"]), str(each["draft_colour"]), new, lost)
    return table
