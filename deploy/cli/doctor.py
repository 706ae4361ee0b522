"""`keycounty doctor`: looks at every part of a deployment and says what to do about what is wrong."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from deploy.cli.connection import RunFileOption, settings_of
from shared import mongo, topics
from shared.errors import Unavailable
from shared.settings import Settings

SERVICES = ("intake", "scoring", "notify", "reporting")
KEEPING = ("intake", "notify", "reporting")  # scoring keeps its state on the bus
LAG_LIMIT_S = 60.0
CLOCK_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `advice` says what to do when it is not well."""

    part: str
    well: bool
    said: str
    advice: str = ""


def doctor(run_file: RunFileOption = None, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Check broker, topics, store, indexes, services, lag, clock and fonts. Exit 1 when something is wrong."""
    found = asyncio.run(examine(settings_of(run_file)))
    if as_json:
        typer.echo(json.dumps([{name: getattr(one, name) for name in Finding.__slots__} for one in found]))
    else:
        _show(found)
    raise typer.Exit(0 if all(one.well for one in found) else 1)


async def examine(settings: Settings) -> list[Finding]:
    """Every check, in the order in which to mend what is wrong."""
    checks: list[Callable[[], Awaitable[list[Finding]]]] = [lambda: _bus(settings), lambda: _store(settings)]
    checks += [lambda name=name: _service(settings, name) for name in SERVICES]  # type: ignore[misc]
    found = [finding for check in checks for finding in await check()]
    return [*found, _fonts()]


async def _bus(settings: Settings) -> list[Finding]:
    try:
        counts = await topics.partitions(settings)
    except Unavailable as away:
        advice = "Start the broker, or correct KEYCOUNTY_KAFKA_BOOTSTRAP."
        return [Finding("broker", False, str(away), advice)]
    missing = sorted(name for name, count in counts.items() if count is None)
    advice = "Run `keycounty topics ensure`."
    said = f"missing: {', '.join(missing)}" if missing else f"{len(counts)} there"
    return [Finding("broker", True, settings.kafka_bootstrap), Finding("topics", not missing, said, advice)]


async def _store(settings: Settings) -> list[Finding]:
    try:
        counts = {service: await _indexes(settings, service) for service in KEEPING}
    except Unavailable as away:
        return [Finding("store", False, str(away), "Start the store, or correct KEYCOUNTY_MONGO_URI.")]
    advice = "Start {} once: it makes its indexes before it is ready."
    made = [
        Finding(f"indexes of {name}", count > 0, f"{count} made", advice.format(name)) for name, count in counts.items()
    ]
    return [Finding("store", True, "answers"), *made]


async def _indexes(settings: Settings, service: str) -> int:
    """How many indexes the service has made, over all its collections."""
    async with mongo.connect(settings, service) as database:
        listed = await database.command("listCollections", nameOnly=True)
        names = [found["name"] for found in listed["cursor"]["firstBatch"]]
        return sum([len(await database.collection(name).index_information()) - 1 for name in names])


async def _service(settings: Settings, name: str) -> list[Finding]:
    url = str(getattr(settings, f"public_url_{name}")).rstrip("/")
    status, body, date = await asyncio.to_thread(_get, f"{url}/health/ready")
    if status is None:
        return [Finding(name, False, body, f"Start it, or correct KEYCOUNTY_PUBLIC_URL_{name.upper()}.")]
    failing = _failing(body)
    found = [Finding(name, status == 200, "ready" if status == 200 else failing, "Mend the part that it names.")]
    found.append(_clock(name, date))
    return found + await _lag(url, name)


async def _lag(url: str, name: str) -> list[Finding]:
    _, body, _ = await asyncio.to_thread(_get, f"{url}/metrics")
    lags = [float(line.rsplit(" ", 1)[1]) for line in body.splitlines() if "_lag_seconds" in line and line[0] != "#"]
    if not lags:
        return []
    advice = "Look at its log; start another replica if it is only slow."
    return [Finding(f"lag of {name}", max(lags) < LAG_LIMIT_S, f"{max(lags):.1f} s", advice)]


def _clock(name: str, date: str | None) -> Finding:
    if date is None:
        return Finding(f"clock of {name}", True, "not told")
    apart = abs(
        (datetime.strptime(date, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
    )
    return Finding(
        f"clock of {name}", apart < CLOCK_LIMIT_S, f"{apart:.0f} s apart", "Set both machines' clocks by NTP."
    )


def _fonts() -> Finding:
    there = find_spec("justmytype_intl_cjk") is not None
    return Finding("Chinese font", there, "there" if there else "missing", "Install the package justmytype-intl-cjk.")


def _failing(body: str) -> str:
    try:
        found: dict[str, Any] = json.loads(body)
        return "; ".join(f"{part}: {said}" for part, said in found.get("failing", {}).items()) or body[:200]
    except ValueError:
        return body[:200]


def _get(url: str) -> tuple[int | None, str, str | None]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  an address of the operator's own settings
            return answer.status, answer.read().decode(), answer.headers.get("date")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers.get("date")
    except OSError as error:
        return None, str(error), None


def _show(found: Sequence[Finding]) -> None:
    table = Table("part", "", "found", "what to do")
    for one in found:
        table.add_row(one.part, "[green]✓[/]" if one.well else "[red]✗[/]", one.said, "" if one.well else one.advice)
    Console().print(table)
