"""Where a command finds the deployment: the settings of its environment, or the run file of a local runtime."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.settings import Settings, load

RunFileOption = Annotated[
    Path | None, typer.Option("--run-file", help="The run.json of a local runtime; without it KEYCOUNTY_... settings.")
]


def read_run_file(path: Path) -> dict[str, Any]:
    """The addresses, pids and admin key of a local runtime. Wrong usage when there is none."""
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint="--run-file") from error
    return found


def settings_of(run_file: Path | None) -> Settings:
    """The settings to reach broker and store with."""
    if run_file is None:
        return load(Settings)
    run = read_run_file(run_file)
    addresses = {f"public_url_{name}": address for name, address in run["services"].items()}
    return Settings(kafka_bootstrap=run["kafka"], mongo_uri=run["mongo"], topic_replication=1, **addresses)
