"""Where a command finds the deployment: options and settings of its environment, or the run file of a local runtime."""

import json
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from deploy.local.ports import Ports
from shared.settings import Settings, load

RunFileOption = Annotated[
    Path | None, typer.Option("--run-file", help="The run.json of a local runtime; without it KEYCOUNTY_... settings.")
]
ApiKeyOption = Annotated[
    str | None,
    typer.Option("--api-key", envvar="KEYCOUNTY_API_KEY", help="API key to call with; else the run file's first one."),
]
TIMEOUT_S = 60.0


def url_option(service: str) -> Any:
    """The option that says where `service` is."""
    return typer.Option("--url", envvar=f"KEYCOUNTY_PUBLIC_URL_{service.upper()}", help=f"Address of {service}.")


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


def client_of(service: str, url: str | None, api_key: str | None, run_file: Path | None) -> httpx.Client:
    """A client of the service with address and key. Wrong usage without a key."""
    run = read_run_file(run_file) if run_file else {}
    address = url or run.get("services", {}).get(service) or f"http://127.0.0.1:{Ports().service(service)}"
    key = api_key or run.get("admin_key")
    if not key:
        raise typer.BadParameter("give --api-key, set KEYCOUNTY_API_KEY, or give --run-file", param_hint="--api-key")
    return httpx.Client(base_url=address, headers={"authorization": f"Bearer {key}"}, timeout=TIMEOUT_S)
