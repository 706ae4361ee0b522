"""`keycounty report`: fetches a frozen evaluation in a format, and checks whether a file is a genuine one."""

import json
import os
from pathlib import Path
from typing import Annotated, Literal

import httpx
import typer

from deploy.cli.connection import RunFileOption, read_run_file

app = typer.Typer(help="Evaluations as files.", no_args_is_help=True)
ReportingOption = Annotated[
    str | None, typer.Option("--reporting", envvar="KEYCOUNTY_PUBLIC_URL_REPORTING", help="Address of reporting.")
]
KeyOption = Annotated[
    str | None, typer.Option("--key", envvar="KEYCOUNTY_API_KEY", help="API key that may read the evaluation.")
]
DEFAULT = "http://127.0.0.1:8004"
TIMEOUT_S = 60.0


@app.command(epilog="Example: keycounty report render 8454cf6d-e92e-5b8a-ae56-24e123a9c890 --format pdf -o report.pdf")
def render(
    evaluation_id: str,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    format: Annotated[Literal["json", "csv", "xlsx", "pdf"], typer.Option(help="The file's format.")] = "json",
    lang: Annotated[Literal["zh-CN", "en"], typer.Option(help="Language of CSV, XLSX and PDF.")] = "zh-CN",
    reporting: ReportingOption = None,
    key: KeyOption = None,
    run_file: RunFileOption = None,
) -> None:
    """Write a frozen evaluation to a file. The same evaluation gives the same bytes, whoever renders it."""
    with _client(reporting, key, run_file) as client:
        answer = _asked(client, "GET", f"/v1/evaluations/{evaluation_id}.{format}", params={"lang": lang})
    output.write_bytes(answer.content)
    typer.echo(f"wrote {output} ({len(answer.content)} bytes)")


@app.command(epilog="Example: keycounty report verify report.pdf --json")
def verify(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON, CSV, XLSX or PDF.")],
    reporting: ReportingOption = None,
    key: KeyOption = None,
    run_file: RunFileOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with JSON.")] = False,
) -> None:
    """Say whether a file is a genuine evaluation, unchanged since it was frozen. Exit 1 when it is not."""
    with _client(reporting, key, run_file) as client:
        found = _asked(client, "POST", "/v1/evaluations/verify", content=file.read_bytes()).json()
    if as_json:
        typer.echo(json.dumps(found))
    elif found["genuine"]:
        typer.echo(f"genuine: evaluation {found['evaluation_id']}, SHA-256 {found['sha256']}")
    else:
        typer.secho(f"not genuine: {found['reason']}", fg="red", err=True)
    raise typer.Exit(0 if found["genuine"] else 1)


def _client(reporting: str | None, key: str | None, run_file: Path | None) -> httpx.Client:
    run = read_run_file(run_file) if run_file else {}
    address = reporting or run.get("services", {}).get("reporting") or DEFAULT
    bearer = key or os.environ.get("KEYCOUNTY_API_KEY")
    if not bearer:
        raise typer.BadParameter("give --key or set KEYCOUNTY_API_KEY", param_hint="--key")
    return httpx.Client(base_url=address, headers={"authorization": f"Bearer {bearer}"}, timeout=TIMEOUT_S)


def _asked(client: httpx.Client, method: str, path: str, **more: object) -> httpx.Response:
    try:
        answer = client.request(method, path, **more)  # type: ignore[arg-type]
    except httpx.HTTPError as wrong:
        typer.secho(f"keycounty: {client.base_url} does not answer: {wrong}", fg="red", err=True)
        raise typer.Exit(1) from wrong
    if answer.status_code >= 400:
        typer.secho(f"keycounty: {answer.status_code} {_detail(answer)}", fg="red", err=True)
        raise typer.Exit(1)
    return answer


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("detail", ""))
    except ValueError:
        return answer.text[:200]
