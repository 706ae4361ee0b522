"""`keycounty topics`: make the topics, or list what there is."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

app = typer.Typer(help="The Kafka topics of the system.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command(name="ensure", epilog="Example: KEYCOUNTY_KAFKA_BOOTSTRAP=127.0.0.1:9092 keycounty topics ensure")
def ensure(as_json: AsJson = False) -> None:
    """Make every topic that is missing; safe to repeat."""
    from shared import topics

    made: list[str] = _run(topics.ensure(_settings()))
    table = "\n".join(f"made {name}" for name in made) or "all topics are there"
    typer.echo(json.dumps({"made": made}) if as_json else table)


@app.command(name="list", epilog="Example: KEYCOUNTY_KAFKA_BOOTSTRAP=127.0.0.1:9092 keycounty topics list --json")
def list_topics(as_json: AsJson = False) -> None:
    """Each topic with its partitions (none when it is missing), what is cleaned away, and the record size limit."""
    from shared import topics

    settings = _settings()
    found: dict[str, int | None] = _run(topics.partitions(settings))
    rows = [
        {
            "topic": settings.topic_prefix + topic.name,
            "partitions": found[settings.topic_prefix + topic.name],
            "cleanup": topic.config_in(settings)["cleanup.policy"],
            "retention_ms": topic.config_in(settings).get("retention.ms"),
            "max_message_bytes": topic.max_message_bytes,
        }
        for topic in topics.TOPICS
    ]
    typer.echo(json.dumps(rows)) if as_json else _print_table(rows)


def _settings() -> Any:
    from shared.settings import Settings, load

    class BrokerSettings(Settings):
        """The topics need no store."""

        mongo_uri: str = ""

    return load(BrokerSettings)


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    from shared.errors import Unavailable
    from shared.topics import TopicMismatch

    try:
        return asyncio.run(work)
    except (TopicMismatch, Unavailable) as error:
        typer.secho(f"keycounty: {error}", fg="red", err=True)
        raise typer.Exit(1) from error


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*rows[0])
    for row in rows:
        table.add_row(*("-" if value is None else str(value) for value in row.values()))
    Console().print(table)
