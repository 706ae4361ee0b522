"""`keycounty topics`: what exists on the bus, and creating what is missing. Mounted by the `keycounty` command."""

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from deploy.cli.connection import RunFileOption, settings_of
from deploy.cli.failing import fail
from shared import topics
from shared.errors import Unavailable
from shared.settings import Settings, load

app = typer.Typer(
    help="The topics of this deployment (KEYCOUNTY_KAFKA_BOOTSTRAP, KEYCOUNTY_TOPIC_…).", no_args_is_help=True
)
AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]
T = TypeVar("T")


class BusSettings(Settings):
    """The settings without the store's: this command needs the broker alone."""

    mongo_uri: str = "mongodb://unused"


@app.command(epilog="Example: KEYCOUNTY_KAFKA_BOOTSTRAP=127.0.0.1:9092 keycounty topics ensure --json")
def ensure(run_file: RunFileOption = None, as_json: AsJson = False) -> None:
    """Create the topics that are missing. Exit 1 when one has another number of partitions than the settings say."""
    created = _run(topics.ensure(_settings(run_file)))
    if as_json:
        typer.echo(json.dumps({"created": created}))
    else:
        typer.echo("\n".join(f"created {name}" for name in created) or "all topics exist")


@app.command("list", epilog="Example: keycounty topics list --run-file data/run.json --json")
def list_(run_file: RunFileOption = None, as_json: AsJson = False) -> None:
    """Show every topic, what is kept of it, and how many partitions it has on the broker."""
    settings = _settings(run_file)
    found = _run(topics.partitions(settings))
    rows = [
        (settings.topic_prefix + topic.name, topic, found[settings.topic_prefix + topic.name])
        for topic in topics.TOPICS
    ]
    if as_json:
        shown = [
            {"topic": name, "partitions": count, "config": topic.config_in(settings)} for name, topic, count in rows
        ]
        typer.echo(json.dumps(shown))
        return
    table = Table("topic", "kept", "partitions")
    for name, topic, count in rows:
        kept = "last record of each key" if topic.cleanup == "compact" else "for ever"
        table.add_row(name, kept, "missing" if count is None else str(count))
    Console().print(table)


def _settings(run_file: Path | None) -> Settings:
    return settings_of(run_file) if run_file else load(BusSettings)


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except (Unavailable, topics.TopicMismatch) as wrong:
        fail(wrong)
