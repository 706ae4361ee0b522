"""The `keycounty` command line tool; `pyproject.toml` names `app` as its entry point."""

import logging
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

# Name -> where its function or sub-app is, and the example of its `--help`. A module is imported when its command runs.
COMMANDS = {
    "up": ("deploy.cli.up:up", "keycounty up --data-dir data --port-base 18000 --replicas notify=2"),
    "demo": ("deploy.cli.demo.command:demo", "keycounty demo --units 6 --enterprises 8 --exit"),
    "load": ("deploy.cli.load:load", "keycounty load registry.ndjson --run-file data/run.json"),
    "submit": ("deploy.cli.submit:submit", "keycounty submit inspections.xlsx --run-file data/run.json"),
    "receipts": ("deploy.cli.receipts:app", "keycounty receipts verify chain.json --key receipt-keys.json"),
    "report": ("deploy.cli.report:app", "keycounty report render ID --format pdf -o report.pdf"),
    "backup": ("deploy.cli.backup:backup", "keycounty backup backups/2023-02-20 --run-file data/run.json"),
    "restore": ("deploy.cli.backup:restore", "keycounty restore backups/2023-02-20 --run-file data/run.json"),
    "topics": ("deploy.cli.topics:app", "KEYCOUNTY_KAFKA_BOOTSTRAP=127.0.0.1:9092 keycounty topics ensure"),
    "dead-letters": ("deploy.cli.dead_letters:app", "keycounty dead-letters list --run-file data/run.json"),
    "replay": ("deploy.cli.replay:replay", "keycounty replay --rules draft.toml --run-file data/run.json"),
    "doctor": ("deploy.cli.doctor:doctor", "keycounty doctor --run-file data/run.json"),
}
HELP = {"help_option_names": ["-h", "--help"]}


class Commands(TyperGroup):
    """The commands of COMMANDS, each loaded when it is asked for: `up` stays small beside the services it starts."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  the signature is Typer's
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        where, example = COMMANDS[cmd_name]
        module, _, attribute = where.partition(":")
        found = getattr(import_module(module), attribute)
        return _command(cmd_name, found, f"Example: {example}")


def _command(name: str, found: Any, epilog: str) -> Any:
    if isinstance(found, typer.Typer):
        command: Any = get_group(found)
        command.epilog = epilog
    else:
        single = typer.Typer(add_completion=False, context_settings=HELP, pretty_exceptions_show_locals=False)
        single.command(name=name, epilog=epilog)(found)
        command = get_command(single)
    command.name = name
    return command


app = typer.Typer(
    name="keycounty",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold keys
    context_settings=HELP,
)


@app.callback()
def keycounty() -> None:
    """Supervision of hazardous-chemical key counties: run it, feed it, check it.

    Exit codes: 0 done, 1 failed, 2 wrong usage.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what is wrong, the command says itself
