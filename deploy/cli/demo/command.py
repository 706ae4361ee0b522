"""`keycounty demo`: starts the runtime, plays a synthetic round through the HTTP APIs, checks the outcome, and serves
on.
"""

import asyncio
import contextlib
import json
import secrets
import shutil
import signal
import statistics
import sys
import tomllib
from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.cli.demo import outcome as outcomes
from deploy.cli.demo import tables
from deploy.cli.demo.client import Client, DemoFailed, in_parallel
from deploy.cli.demo.duty import Duty
from deploy.cli.demo.receivers import Receivers
from deploy.cli.demo.registering import make_world
from deploy.cli.demo.submissions import rectifications
from deploy.cli.demo.world import CLOCK_START, Body, Post, World
from deploy.cli.failing import say
from deploy.local.ports import Ports
from deploy.local.runtime import Runtime, make_topics
from deploy.local.stack import Options

# Seconds until an unanswered alert escalates in the demo; the real policy says 15 minutes to 3 days.
DEMO_ACK_SECONDS = 12
MARKER = ".keycounty-demo"
SETTLE_SECONDS = 60.0
PLAIN_WIDTH = 150  # where the output is no terminal: in a log or a pipe
CREATED = 201


def demo(
    data_dir: Annotated[
        Path, typer.Option(help="Where the demo keeps its data; emptied first if an earlier demo made it.")
    ] = Path("data/demo"),
    units: Annotated[
        int, typer.Option(min=1, max=53, help="Guidance units; beyond six they are called Sample unit NN.")
    ] = 6,
    enterprises: Annotated[int, typer.Option(min=4, max=400, help="Synthetic enterprises a unit.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of everything invented.")] = 1,
    port_base: Annotated[int | None, typer.Option(min=1024, max=65_000, help="Use ports N+1 to N+93.")] = None,
    exit: Annotated[bool, typer.Option("--exit", help="Stop at the end instead of serving until Ctrl-C.")] = False,
) -> None:
    """Play one synthetic round on the real broker and store, and check what comes out."""
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    prepare(data_dir)
    try:
        failed = asyncio.run(_run(console, data_dir, units, enterprises, seed, port_base, serve=not exit))
    except (KeyboardInterrupt, asyncio.CancelledError):  # Ctrl-C, SIGTERM: all is stopped
        failed = False
    raise typer.Exit(1 if failed else 0)


def prepare(data_dir: Path) -> None:
    """A fresh directory with the demo's alert policy. Refuses a directory that holds something else."""
    if data_dir.exists() and any(data_dir.iterdir()):
        if not (data_dir / MARKER).exists():
            raise typer.BadParameter(f"{data_dir} holds something that no demo made; name another --data-dir.")
        shutil.rmtree(data_dir)
    (data_dir / "rulesets").mkdir(parents=True)
    (data_dir / MARKER).touch()
    (data_dir / "rulesets" / "alerting.toml").write_text(demo_policy(), "utf-8")


def demo_policy() -> str:
    """The packaged alert policy with short times to answer for the two upper severities; its version says that it is
    the demo's.
    """
    text = files("shared.rulesets").joinpath("data/alerting.toml").read_text("utf-8")
    real = tomllib.loads(text)["ack_within_minutes"]
    before, _, after = text.partition("[ack_within_minutes]")
    for severity in ("extreme", "severe"):
        after = after.replace(f"{severity} = {real[severity]}", f"{severity} = {DEMO_ACK_SECONDS / 60}", 1)
    return (
        "# Short timers, for the demo only.\n"
        + before.replace("version = 1", "version = 1001", 1)
        + "[ack_within_minutes]"
        + after
    )


async def _run(
    console: Console, data_dir: Path, units: int, enterprises: int, seed: int, port_base: int | None, *, serve: bool
) -> bool:
    console.print(
        "[bold]Key County demo[/]: six real place names, everything else synthetic; simulated clock from", CLOCK_START
    )
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    receivers = Receivers("whsec_" + b64encode(secrets.token_bytes(24)).decode())
    await receivers.start()
    runtime = Runtime(
        _options(data_dir, receivers, port_base), report=lambda line: console.print(f"  {line}", style="dim")
    )
    try:
        run_file = await asyncio.to_thread(runtime.start)
        world = make_world(units, enterprises, seed, {"webhook": receivers.webhook_url, "secret": receivers.secret})
        async with Client(dict(run_file.services), run_file.admin_key) as client:
            failed = await _play(console, client, receivers, world)
        if serve:
            await _serve(console, runtime, dict(run_file.services))
        return failed or runtime.failure is not None
    except (DemoFailed, RuntimeError, httpx.HTTPError) as failure:
        say(failure)
        say(f"logs: {data_dir / 'logs'}")
        return True
    finally:
        await asyncio.to_thread(runtime.stop)
        await receivers.stop()


def _options(data_dir: Path, receivers: Receivers, port_base: int | None) -> Options:
    return Options(
        data_dir=data_dir,
        ports=Ports.from_base(port_base) if port_base else Ports(),
        clock_start=datetime.fromisoformat(CLOCK_START),
        extra_env={
            "KEYCOUNTY_SMTP_URL": receivers.smtp_url,
            "KEYCOUNTY_RULESETS_DIR": str((data_dir / "rulesets").resolve()),
            # Every authority of the demo shares one mail server and one webhook host; real ones have their own.
            "KEYCOUNTY_RECEIVER_RATE": "200",
        },
        make_topics=make_topics,
    )


async def _play(console: Console, client: Client, receivers: Receivers, world: World) -> bool:
    silent = world.units[min(2, len(world.units) - 1)]
    duty = Duty(client, receivers, silent["id"], f"{silent['prefecture']}@keycounty.example")
    with _progress(console) as progress:
        task = progress.add_task("registering", total=len(world.registry) + len(world.keys))
        await client.register(world)
        await client.make_keys(world)
        progress.advance(task, len(world.registry) + len(world.keys))
        officers = asyncio.create_task(duty.run())
        findings = await _submit_all(progress, client, world)
        await _settle(progress, client, receivers, silent, officers)
        officers.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await officers
    found = await outcomes.read_outcome(client, receivers, world, findings, world.units[0]["id"])
    outcomes.verify(found, receivers, world, silent["id"])
    if found.evaluation["status_code"] == CREATED:
        tables.show(console, found, world)
    _report(console, found)
    return bool(found.failures)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


async def _submit_all(progress: Progress, client: Client, world: World) -> dict[str, Body]:
    for phase, posts in world.phases.items():
        if phase == "rectifications":
            posts.extend(rectifications(_findings(client), world))
        task = progress.add_task(phase.replace("_", " "), total=len(posts))

        async def one(post: Post, task: Any = task) -> None:
            await client.submit(post)
            progress.advance(task)

        for group in _in_order(phase, posts):
            await in_parallel(one(post) for post in group)
    return _findings(client)


def _in_order(phase: str, posts: list[Post]) -> list[list[Post]]:
    """What may go side by side: steps on findings go one kind after the other, the rest together."""
    if phase != "rectifications":
        return [posts]
    return [[post for post in posts if post.body["action"] == action] for action in ("done", "verified")]


def _findings(client: Client) -> dict[str, Body]:
    """Every finding that intake named, with its due date, unit and enterprise."""
    found: dict[str, Body] = {}
    for sent in client.sent:
        results = {(result["item"], result.get("ref", "")): result for result in sent.post.body.get("results", [])}
        for named in sent.answer.get("findings", []):
            result = next(one for (item, _), one in results.items() if item == named["item"])
            about = {key: sent.post.body[key] for key in ("unit_id", "enterprise_id")}
            due_on = result["due_on"] or found.get(named["finding_id"], {}).get("due_on")
            found[named["finding_id"]] = result | about | {"due_on": due_on}
    return found


async def _settle(
    progress: Progress, client: Client, receivers: Receivers, silent: Body, officers: asyncio.Task[None]
) -> None:
    """Waits until nothing is missing and the silent unit's alerts have escalated and been answered."""
    task = progress.add_task("escalation and answer", total=3)
    steps = {
        "everything accepted is scored and projected": lambda: _all_projected(client),
        f"the prefecture of {silent['id']} is told": lambda: _escalated(receivers, silent),
        "no finding's alert is still calling": lambda: _answered(client),
    }
    for name, reached in steps.items():
        await _until(name, reached, officers)
        progress.advance(task)


async def _until(name: str, reached: Callable[[], Awaitable[bool]], officers: asyncio.Task[None]) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SETTLE_SECONDS
    while not await reached():
        if officers.done():
            officers.result()
        if loop.time() > deadline:
            raise DemoFailed(f"not reached within {SETTLE_SECONDS:.0f} s: {name}")
        await asyncio.sleep(0.25)


async def _all_projected(client: Client) -> bool:
    found = await client.ask("reporting", "/v1/completeness")
    return bool(
        found["missing"] == 0 and found["accepted"] == found["scored"] == found["projected"] == len(client.sent)
    )


async def _escalated(receivers: Receivers, silent: Body) -> bool:
    return any(one.to.startswith(silent["prefecture"]) for one in receivers.taken)


async def _answered(client: Client) -> bool:
    """No alert about a finding anywhere is still calling."""
    for state in ("open", "escalated"):
        waiting = await client.ask("notify", f"/v1/alerts?state={state}&limit=500")
        if any(alert["kind"] == "major_finding" for alert in waiting["items"]):
            return False
    return True


def _report(console: Console, found: outcomes.Outcome) -> None:
    for failure in found.failures:
        console.print(f"[red]✗ {failure}[/]")
    passed = found.checks - len(found.failures)
    console.print(
        f"{'[green]✓' if not found.failures else '[red]✗'} {passed} of {found.checks} checks of the outcome hold[/]"
    )
    figures = {
        "name": "demo",
        "passed": not found.failures,
        "checks": found.checks,
        "failures": found.failures[:20],
        "submissions": found.submissions,
        "units": {risk["unit_id"]: {"index": risk["index"], "colour": risk["colour"]} for risk in found.units},
        "alerts": len(found.alerts),
        "missing": found.completeness["missing"],
        "post_to_webhook_median_s": round(statistics.median(found.latencies), 3) if found.latencies else None,
    }
    print(json.dumps(figures, ensure_ascii=False))


async def _serve(console: Console, runtime: Runtime, services: dict[str, str]) -> None:
    """Until Ctrl-C, or until the runtime gives up."""
    console.print(
        "\nStill serving; Ctrl-C stops. Sign in with the key in run.json (`admin_key`), or ask intake for one."
    )
    for name, address in services.items():
        console.print(f"  {name:<10} {address}")
    await asyncio.to_thread(runtime.wait)
    say(runtime.failure)
