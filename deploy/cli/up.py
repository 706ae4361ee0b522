"""`keycounty up`: the local runtime in the foreground until Ctrl-C or SIGTERM."""

import os
import signal
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from deploy.cli.failing import say
from deploy.local.data_dir import RunFile
from deploy.local.ports import Ports, parse_replicas
from deploy.local.runtime import Runtime, make_topics
from deploy.local.stack import Options, StoppedError

DataDir = Annotated[Path, typer.Option(help="Where broker, store, secrets and logs live; kept for the next start.")]


def _replicas(text: str) -> dict[str, int]:
    try:
        return parse_replicas(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def up(
    data_dir: DataDir = Path("data"),
    run_file: Annotated[Path | None, typer.Option(help="Where addresses and pids are written [D/run.json].")] = None,
    port_base: Annotated[int | None, typer.Option(min=1024, max=65_000, help="Use ports N+1 to N+93.")] = None,
    replicas: Annotated[str, typer.Option(help="Replicas, as in notify=2,scoring=2.")] = "",
    max_deaths: Annotated[int, typer.Option(min=1, help="Deaths of one child in a minute that stop all.")] = 5,
) -> None:
    """Start a real Kafka, a MongoDB-protocol store and the four services; start again what dies; stop on Ctrl-C.

    A simulated clock starts at KEYCOUNTY_CLOCK_START (RFC 3339 with offset) and runs on over restarts.
    """
    options = Options(
        data_dir=data_dir,
        run_file=run_file,
        ports=Ports.from_base(port_base) if port_base else Ports(),
        replicas=_replicas(replicas),
        max_deaths=max_deaths,
        clock_start=clock_start_setting(),
        make_topics=make_topics,
    )
    raise typer.Exit(run_until_stopped(Runtime(options, report=typer.echo), data_dir))


def clock_start_setting() -> datetime | None:
    """KEYCOUNTY_CLOCK_START as an aware time. A value without an offset is wrong usage."""
    text = os.environ.get("KEYCOUNTY_CLOCK_START")
    if not text:
        return None
    try:
        start = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"KEYCOUNTY_CLOCK_START: {error}") from error
    if start.tzinfo is None:
        raise typer.BadParameter("KEYCOUNTY_CLOCK_START needs an offset, as in 2023-02-01T08:00:00+08:00")
    return start


def stop_on_signals(runtime: Runtime) -> None:
    """Ctrl-C and SIGTERM ask `runtime` to stop, at any time of its life."""

    def ask(_number: int, _frame: FrameType | None) -> None:
        runtime.request_stop()

    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGTERM, ask)


def run_until_stopped(runtime: Runtime, data_dir: Path) -> int:
    """Run in the foreground; the exit code is 1 when the runtime could not start or gave up."""
    stop_on_signals(runtime)
    try:
        typer.echo(addresses(runtime.start(), runtime.run_file))
    except StoppedError:
        return 0
    except Exception as error:  # noqa: BLE001  every failure to start is told to the user in one message
        return _fail(error, data_dir)
    while not runtime.wait(0.2):
        pass
    runtime.stop()
    return _fail(runtime.failure, data_dir) if runtime.failure else 0


def addresses(run: RunFile, run_file: Path) -> str:
    """What `up` prints when all are ready."""
    services = [f"  {name:<10} {url}" for name, urls in run.replicas.items() for url in urls]
    lines = ["ready", *services, f"  {'kafka':<10} {run.kafka}", f"  {'store':<10} {run.mongo}"]
    return "\n".join([*lines, f"addresses, pids and the admin key: {run_file}", "Ctrl-C stops all; the data stays"])


def _fail(error: Exception, data_dir: Path) -> int:
    say(error)
    typer.echo(f"logs: {data_dir / 'logs'}", err=True)
    return 1
