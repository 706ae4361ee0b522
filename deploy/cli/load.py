"""`keycounty load`: registry objects from NDJSON or CSV through intake's API. Mounted by the `keycounty` command."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from deploy.cli.connection import ApiKeyOption, RunFileOption, client_of
from deploy.cli.failing import fail
from deploy.cli.intake_client import IntakeUrl, Refused, call, describe

ORDER = ("authorities", "units", "parks", "teams", "enterprises", "rounds", "enrolments")
JSON_STARTS = ("{", "[")


@dataclass(frozen=True, slots=True)
class Item:
    """One object: where it stands in which file, its kind, id and body."""

    file: str
    line: int
    kind: str
    id: str
    body: Mapping[str, Any]


def load(
    files: Annotated[
        list[Path], typer.Argument(help="units.csv, rounds.ndjson, …, or NDJSON lines {kind, id, object}.")
    ],
    url: IntakeUrl = None,
    api_key: ApiKeyOption = None,
    run_file: RunFileOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="End with one JSON object.")] = False,
) -> None:
    """Load registry objects, whatever the order of the files: authorities first, enrolments last. Safe to repeat.

    The file's name gives the kind (`units.csv`); else each line names it. In CSV a cell that begins with { or [ is
    JSON, and `name_zh` and `name_en` make a name.
    """
    console = Console(stderr=True)
    try:
        items = sorted((item for file in files for item in _items(file)), key=lambda item: ORDER.index(item.kind))
        with client_of("intake", url, api_key, run_file) as client, Progress(console=console) as progress:
            task = progress.add_task("loading", total=len(items))
            failed = 0
            for item in items:
                path = f"/v1/registry/{item.kind}/{item.id}"
                answer = call(client, "PUT", path, content=json.dumps(item.body).encode())
                if answer.status_code not in (200, 201):
                    failed += 1
                    for line in describe(answer):
                        console.print(f"{item.file}:{item.line} {item.kind}/{item.id} {line}", markup=False)
                progress.advance(task)
    except Refused as refused:
        fail(refused)
    if as_json:
        typer.echo(json.dumps({"loaded": len(items) - failed, "failed": failed}))
    else:
        typer.echo(f"loaded {len(items) - failed}, failed {failed}")
    raise typer.Exit(1 if failed else 0)


def _items(file: Path) -> Iterator[Item]:
    try:
        rows = _csv(file) if file.suffix.lower() == ".csv" else _ndjson(file)
        for number, row in rows:
            # A unit has a `kind` of its own: the registry's kind is the file's name, or stands beside an `object`.
            kind = file.stem if file.stem in ORDER else str(row.pop("kind", ""))
            if kind not in ORDER or "id" not in row:
                raise Refused(f"{file}:{number} needs `kind` (one of {', '.join(ORDER)}) and `id`")
            yield Item(str(file), number, kind, str(row.pop("id")), row.pop("object", None) or row)
    except (OSError, ValueError) as wrong:
        raise Refused(f"{file} cannot be read: {wrong}") from wrong


def _ndjson(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with file.open(encoding="utf-8-sig") as opened:
        for number, line in enumerate(opened, 1):
            if line.strip():
                yield number, json.loads(line)


def _csv(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        for number, row in enumerate(csv.DictReader(opened), 2):
            made: dict[str, Any] = {}
            for name, cell in row.items():
                if name and cell:
                    _place(made, name, json.loads(cell) if cell.startswith(JSON_STARTS) else cell)
            yield number, made


def _place(made: dict[str, Any], name: str, value: Any) -> None:
    if name in ("name_zh", "name_en"):
        made.setdefault("name", {})[name.removeprefix("name_")] = value
    else:
        made[name] = int(value) if name in ("year", "number", "expert_target") else value
