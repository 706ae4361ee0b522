"""`keycounty submit`: inspections, hazard units or rectifications from files, through intake's API. Mounted by the
`keycounty` command.
"""

import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.cli.connection import ApiKeyOption, RunFileOption, client_of
from deploy.cli.failing import fail
from deploy.cli.intake_client import ATTEMPTS, WAITING, IntakeUrl, Refused, call, describe

TYPES = {
    ".csv": "text/csv",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
PART_LINES = 2_000


class Tally:
    """What became of the lines so far."""

    def __init__(self) -> None:
        self.accepted = 0
        self.rejected = 0
        self.receipts: list[Any] = []


def submit(
    files: Annotated[list[Path], typer.Argument(help="JSON (one submission), NDJSON, CSV or XLSX files.")],
    kind: Annotated[str, typer.Option("--kind", help="inspections, hazard-units or rectifications.")] = "inspections",
    url: IntakeUrl = None,
    api_key: ApiKeyOption = None,
    run_file: RunFileOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="End with one JSON object.")] = False,
) -> None:
    """Submit files: a progress bar, a line per error. Repeating it, or going on after a break, counts nothing twice."""
    console, tally = Console(stderr=True), Tally()
    if kind not in ("inspections", "hazard-units", "rectifications"):
        raise typer.BadParameter(f"unknown kind {kind}", param_hint="--kind")
    try:
        with client_of("intake", url, api_key, run_file) as client, _progress(console) as progress:
            for file in files:
                _submit(client, file, kind, tally, progress, console)
    except Refused as refused:
        fail(f"{refused}; run the command again to go on")
    if as_json:
        typer.echo(json.dumps({"accepted": tally.accepted, "rejected": tally.rejected}))
    else:
        typer.echo(f"accepted {tally.accepted}, rejected {tally.rejected}")
    raise typer.Exit(1 if tally.rejected else 0)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)


def _submit(client: httpx.Client, file: Path, kind: str, tally: Tally, progress: Progress, console: Console) -> None:
    suffix = file.suffix.lower()
    if not file.is_file():
        raise Refused(f"there is no file {file}")
    if suffix not in {".json", *TYPES}:
        raise Refused(f"{file}: expected .json, .ndjson, .csv or .xlsx")
    task = progress.add_task(file.name, total=None)
    if suffix == ".json":
        _one(client, file, kind, tally, console)
        progress.update(task, completed=1, total=1)
        return
    parts = list(_parts(file)) if suffix in (".ndjson", ".jsonl") else [(0, None)]
    total = sum(1 for line in file.open("rb") if line.strip()) if suffix in (".ndjson", ".jsonl") else None
    progress.update(task, total=total)
    for before, content in parts:
        for told in _batch(client, file, content, kind, TYPES[suffix]):
            progress.advance(task)
            _note(told, before, file, tally, console)
    progress.update(task, total=progress.tasks[task].completed)


def _one(client: httpx.Client, file: Path, kind: str, tally: Tally, console: Console) -> None:
    content = file.read_bytes()
    key = "content:" + hashlib.sha256(content).hexdigest()
    headers = {"idempotency-key": key, "content-type": "application/json"}
    answer = call(client, "POST", f"/v1/{kind}", content=content, headers=headers)
    if answer.status_code == 201:
        tally.accepted += 1
        return
    tally.rejected += 1
    for line in describe(answer):
        console.print(f"{file}: {line}", markup=False)


def _parts(file: Path) -> Iterator[tuple[int, bytes]]:
    """NDJSON in parts of some thousand lines, with the number of lines before each: a break costs one part at most."""
    with file.open("rb") as opened:
        lines: list[bytes] = []
        for number, line in enumerate(opened):
            lines.append(line if line.endswith(b"\n") else line + b"\n")
            if len(lines) == PART_LINES:
                yield number + 1 - len(lines), b"".join(lines)
                lines = []
        if lines:
            yield number + 1 - len(lines), b"".join(lines)


def _batch(client: httpx.Client, file: Path, content: bytes | None, kind: str, media_type: str) -> Iterator[Any]:
    """The answer's lines. What intake could not take because its store was away is sent again: a repeat counts once."""
    answered: set[int] = set()
    for attempt in range(ATTEMPTS):
        finished = True
        try:
            for told in _send(client, file, content, kind, media_type):
                if told["status"] == "unavailable":
                    finished = False
                elif told["line"] not in answered:
                    answered.add(told["line"])
                    yield told
        except httpx.TransportError:
            finished = False
        if finished:
            return
        time.sleep(min(0.5 * 2**attempt, 10.0))
    raise Refused(f"intake at {client.base_url} stays away")


def _send(client: httpx.Client, file: Path, content: bytes | None, kind: str, media_type: str) -> Iterator[Any]:
    with _opened(file, content) as body:
        options = {"content": body, "headers": {"content-type": media_type}, "timeout": httpx.Timeout(60, read=600)}
        with client.stream("POST", f"/v1/{kind}/batch", **options) as answer:  # type: ignore[arg-type]
            if answer.status_code in WAITING:
                yield {"line": 0, "status": "unavailable"}
                return
            if answer.status_code != 200:
                answer.read()
                raise Refused(f"{file}: " + "; ".join(describe(answer)))
            for line in answer.iter_lines():
                yield json.loads(line)


def _opened(file: Path, content: bytes | None) -> BinaryIO:
    if content is None:
        return file.open("rb")  # the caller's `with` closes it
    spooled: Any = tempfile.SpooledTemporaryFile(max_size=64 * 1024 * 1024)  # noqa: SIM115 - the caller closes it
    spooled.write(content)
    spooled.seek(0)
    return spooled  # type: ignore[no-any-return]


def _note(told: Any, before: int, file: Path, tally: Tally, console: Console) -> None:
    if "submission_id" in told:
        tally.accepted += 1
        return
    tally.rejected += 1
    line = before + told["line"] if told["line"] is not None else "?"
    for error in told["errors"]:
        where = error.get("column") or error["pointer"] or "/"
        console.print(f"{file}:{error.get('row', line)} {where}: {error['detail']} [{error['code']}]", markup=False)
