"""`keycounty backup` and `keycounty restore`: what no log can rebuild, out of a deployment and back into one."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from deploy.backup import restoring, taking
from deploy.backup.archive import BackupError, Manifest
from deploy.backup.restoring import Restored
from deploy.backup.secret_files import SecretFiles
from deploy.cli.connection import RunFileOption, read_run_file, settings_of
from deploy.cli.failing import fail, say
from deploy.local.data_dir import in_use
from deploy.local.ports import Ports
from deploy.local.runtime import Runtime, make_topics
from deploy.local.stack import Options
from shared.errors import Unavailable

T = TypeVar("T")
AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]
SECRETS_WITHIN = (
    "This backup holds SECRETS in clear: the keys that sign receipts and open contacts. Whoever reads it can sign in "
    "your name. Keep it encrypted and away from the store."
)


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    run_file: RunFileOption = None,
    as_json: AsJson = False,
) -> None:
    """Copy what no log can rebuild: intake's store with evidence, registry and keys, notify's store, frozen evaluations
    and the secret files. The system may run meanwhile.
    """
    settings, secrets = settings_of(run_file), _secrets(run_file)
    told = _silent if as_json else lambda entry: typer.echo(f"{entry.name}: {entry.documents}")
    manifest = _run(taking.take(settings, secrets, folder, datetime.now(UTC), told))
    if as_json:
        typer.echo(manifest.model_dump_json())
    else:
        _show(manifest)
    for name in secrets.missing():
        typer.secho(f"NOT in this backup: the {name}. Keep it yourself.", fg="red", bold=True, err=True)
    typer.secho(SECRETS_WITHIN, fg="yellow", bold=True, err=True)


def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="A finished backup.")],
    run_file: RunFileOption = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="The data directory of a local runtime that does not run; may be new.")
    ] = None,
    port_base: Annotated[int | None, typer.Option(min=1024, max=65_000, help="With --data-dir: its ports.")] = None,
    accept_newer_log: Annotated[
        bool, typer.Option(help="Accept that the log knows submissions which the backup lacks.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a backup back into an empty deployment, or add what is missing to the one it came from. Services must not
    run, except those of --run-file, which are held still and started again. An empty broker gets the whole log anew.
    """
    if run_file and data_dir:
        raise typer.BadParameter("give --run-file or --data-dir, not both")
    told = _silent if as_json else typer.echo
    with ExitStack() as stack:
        if data_dir:
            run_file = stack.enter_context(_store_and_broker(data_dir, port_base, told))
            secrets = _secrets(None, data_dir)
        else:
            # A running local runtime holds its first key and its clock already.
            secrets = replace(_secrets(run_file), admin=None, clock=None)
            if run_file:
                stack.enter_context(_held_still(run_file))
        work = restoring.restore(
            settings_of(run_file),
            secrets,
            folder,
            told,
            newer_log=accept_newer_log,
            running=bool(run_file),
        )
        found = _run(work)
    _report(found, as_json)


def _secrets(run_file: Path | None, data_dir: Path | None = None) -> SecretFiles:
    """The secret files of the deployment that is meant."""
    if data_dir is not None:
        return SecretFiles.of_data_dir(data_dir)
    if run_file is None:
        return SecretFiles.of_settings(settings_of(None))
    return SecretFiles.of_data_dir(Path(read_run_file(run_file)["data_dir"]))


@contextmanager
def _store_and_broker(data_dir: Path, port_base: int | None, told: Callable[[str], None]) -> Iterator[Path]:
    ports = Ports.from_base(port_base) if port_base else Ports()
    options = Options(data_dir=data_dir, ports=ports, commands={}, make_topics=make_topics)
    runtime = Runtime(options, report=told)
    try:
        runtime.start()
    except Exception as error:  # noqa: BLE001  every failure to start is told to the user in one message
        fail(error)
    try:
        yield runtime.run_file
    finally:
        runtime.stop()


@contextmanager
def _held_still(run_file: Path) -> Iterator[None]:
    """The services of a local runtime stand still, and are started again by it at the end: what they had in memory is
    gone then.
    """
    run = read_run_file(run_file)
    if not in_use(Path(run["data_dir"])):  # its pids are others' by now
        raise typer.BadParameter(
            f"its runtime does not run; give --data-dir {run['data_dir']}", param_hint="--run-file"
        )
    pids = [pid for service in run["services"] for pid in run["pids"].get(service, ())]
    _signal(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(pids, signal.SIGKILL)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _run(work: Coroutine[Any, Any, T]) -> T:
    """The outcome, or every fault on a line of its own and exit 1."""
    try:
        return asyncio.run(work)
    except BackupError as wrong:
        for fault in wrong.faults:
            say(fault)
        raise typer.Exit(1) from wrong
    except Unavailable as away:
        fail(f"{away}; repeat the command when it is back")


def _show(manifest: Manifest) -> None:
    table = Table("collection", "documents")
    for name, count in restoring.described(manifest):
        table.add_row(name, str(count))
    Console().print(table)
    typer.echo(f"{len(manifest.files)} files; receipts are signed with {', '.join(manifest.signing_keys) or 'no key'}")


def _report(found: Restored, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found.as_json()))
        return
    for line in found.secrets:
        typer.secho(f"secret file {line}", fg="yellow")
    published = ", ".join(f"{count} {name}" for name, count in found.published.items())
    typer.echo(f"the log was empty and is written again: {published}" if published else "the log stays as it is")
    typer.echo("restored. Check with `keycounty doctor`, and that GET /v1/completeness says missing 0.")


def _silent(_: object) -> None:
    pass
