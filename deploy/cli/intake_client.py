"""How `load` and `submit` reach intake: address and key from options, environment or a run file. Waits out 429,
503 and 507.
"""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

Url = Annotated[str | None, typer.Option("--url", envvar="KEYCOUNTY_PUBLIC_URL_INTAKE", help="Address of intake.")]
ApiKey = Annotated[
    str | None, typer.Option("--api-key", envvar="KEYCOUNTY_API_KEY", help="The API key to send it with.")
]
RunFile = Annotated[
    Path | None, typer.Option("--run-file", help="A run.json of `keycounty up`: its intake, and its first key.")
]
ATTEMPTS = 8
WAITING = (429, 503, 507)  # over the rate, away, no room: the same call may succeed later


class Refused(Exception):
    """Intake cannot be used as asked; the text says why."""


def connect(url: str | None, api_key: str | None, run_file: Path | None) -> httpx.Client:
    """A client with address and key. Raises Refused when one of them is missing."""
    run = _run(run_file)
    address, key = url or run.get("services", {}).get("intake"), api_key or run.get("admin_key")
    missing = [name for name, value in (("--url", address), ("--api-key", key)) if not value]
    if missing:
        raise Refused(f"{' and '.join(missing)} missing (or give --run-file)")
    return httpx.Client(base_url=str(address), headers={"authorization": f"Bearer {key}"}, timeout=httpx.Timeout(60))


def call(client: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
    """One call; repeated while intake is away or asks to wait. Raises Refused when it stays away."""
    wait_s, said = 0.5, "no answer"
    for _ in range(ATTEMPTS):
        try:
            answer = client.request(method, path, **options)
        except httpx.TransportError as away:
            said = f"{type(away).__name__}: {away}"
        else:
            if answer.status_code not in WAITING:
                return answer
            said = f"{answer.status_code} {answer.text[:200]}"
            wait_s = float(answer.headers.get("retry-after", wait_s))
        time.sleep(min(wait_s, 10.0))
        wait_s *= 2
    raise Refused(f"intake at {client.base_url} cannot be used: {said}")


def describe(answer: httpx.Response) -> list[str]:
    """What problem details say, one line each."""
    try:
        problem = answer.json()
    except ValueError:
        return [f"{answer.status_code} {answer.text[:200]}"]
    errors = problem.get("errors") or []
    return [f"{error['pointer'] or '/'}: {error['detail']} [{error['code']}]" for error in errors] or [
        f"{problem.get('status')} {problem.get('detail')}"
    ]


def _run(run_file: Path | None) -> Any:
    if run_file is None:
        return {}
    try:
        return json.loads(run_file.read_text())
    except (OSError, ValueError) as wrong:
        raise Refused(f"{run_file} cannot be read: {wrong}") from wrong
