"""`keycounty report`: fetches a frozen evaluation in a format, and checks whether a file is a genuine one."""

import json
from pathlib import Path
from typing import Annotated, Literal

import httpx
import typer

from deploy.cli.connection import ApiKeyOption, RunFileOption, client_of, url_option
from deploy.cli.failing import fail

app = typer.Typer(help="Evaluations as files.", no_args_is_help=True)
ReportingUrl = Annotated[str | None, url_option("reporting")]


@app.command(epilog="Example: keycounty report render 8454cf6d-e92e-5b8a-ae56-24e123a9c890 --format pdf -o report.pdf")
def render(
    evaluation_id: str,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    format: Annotated[Literal["json", "csv", "xlsx", "pdf"], typer.Option(help="The file's format.")] = "json",
    lang: Annotated[Literal["zh-CN", "en"], typer.Option(help="Language of CSV, XLSX and PDF.")] = "zh-CN",
    url: ReportingUrl = None,
    api_key: ApiKeyOption = None,
    run_file: RunFileOption = None,
) -> None:
    """Write a frozen evaluation to a file. The same evaluation gives the same bytes, whoever renders it."""
    with client_of("reporting", url, api_key, run_file) as client:
        answer = _asked(client, "GET", f"/v1/evaluations/{evaluation_id}.{format}", params={"lang": lang})
    output.write_bytes(answer.content)
    typer.echo(f"wrote {output} ({len(answer.content)} bytes)")


@app.command(epilog="Example: keycounty report verify report.pdf --json")
def verify(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON, CSV, XLSX or PDF.")],
    url: ReportingUrl = None,
    api_key: ApiKeyOption = None,
    run_file: RunFileOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with JSON.")] = False,
) -> None:
    """Say whether a file is a genuine evaluation, unchanged since it was frozen. Exit 1 when it is not."""
    with client_of("reporting", url, api_key, run_file) as client:
        found = _asked(client, "POST", "/v1/evaluations/verify", content=file.read_bytes()).json()
    if as_json:
        typer.echo(json.dumps(found))
    elif found["genuine"]:
        typer.echo(f"genuine: evaluation {found['evaluation_id']}, SHA-256 {found['sha256']}")
    else:
        typer.secho(f"not genuine: {found['reason']}", fg="red", err=True)
    raise typer.Exit(0 if found["genuine"] else 1)


def _asked(client: httpx.Client, method: str, path: str, **more: object) -> httpx.Response:
    try:
        answer = client.request(method, path, **more)  # type: ignore[arg-type]
    except httpx.HTTPError as wrong:
        fail(f"{client.base_url} does not answer: {wrong}")
    if answer.status_code >= 400:
        fail(f"{answer.status_code} {_detail(answer)}")
    return answer


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("detail", ""))
    except ValueError:
        return answer.text[:200]
