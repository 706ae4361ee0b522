"""How `load` and `submit` call intake: 429, 503 and 507 are waited out, refusals told line by line."""

import time
from typing import Annotated, Any

import httpx

from deploy.cli.connection import url_option

IntakeUrl = Annotated[str | None, url_option("intake")]
ATTEMPTS = 8
WAITING = (429, 503, 507)  # over the rate, away, no room: the same call may succeed later


class Refused(Exception):
    """Intake cannot be used as asked; the text says why."""


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
