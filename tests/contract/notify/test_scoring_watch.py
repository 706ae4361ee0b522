"""The watchdog notices that scoring stands still, is not ready or is gone, and says so by its own path."""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import nullcontext
from dataclasses import dataclass

import pytest
from aiohttp import web

from services.notify.rules.routing import Contact
from services.notify.scoring_watch import ScoringWatch
from services.notify.watchdog import Watchdog
from shared.clock import real
from tests.contract.notify.world import Receiver


@dataclass
class Scoring:
    """Answers as scoring does; `now` is what the watch takes for the time."""

    ready: int = 200
    stalled: float = 0.0
    now: float = 0.0
    url: str = ""

    async def start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/health/ready", self._ready)
        app.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def _ready(self, _: web.Request) -> web.Response:
        return web.Response(status=self.ready)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=f"# HELP x\nkeycounty_scoring_stalled_seconds {self.stalled}\nother 1.0\n")


@pytest.fixture
async def scoring() -> AsyncGenerator[Scoring]:
    found = Scoring()
    runner = await found.start()
    yield found
    await runner.cleanup()


async def test_seconds_are_those_stalled_or_since_it_was_last_ready(scoring: Scoring) -> None:
    watch = ScoringWatch(scoring.url, lambda: scoring.now)
    assert await watch.seconds() == 0
    scoring.stalled = 70.5
    assert await watch.seconds() == 70.5
    scoring.stalled, scoring.ready = 0.0, 503
    assert await watch.seconds() == 0
    scoring.now = 65.0
    assert await watch.seconds() == 65
    scoring.ready = 200
    assert await watch.seconds() == 0


async def test_a_scoring_that_is_gone_counts_from_when_it_was_first_missed(scoring: Scoring) -> None:
    watch = ScoringWatch("http://127.0.0.1:1", lambda: scoring.now)
    assert await watch.seconds() == 0
    scoring.now = 61.0
    assert await watch.seconds() == 61


async def test_the_operators_hear_of_a_scoring_that_stands_still(scoring: Scoring) -> None:
    scoring.stalled = 90.0
    sink, operator = Receiver(), Contact("operators", "ops", "webhook", "http://127.0.0.1")
    watch = ScoringWatch(scoring.url, lambda: 0.0)
    watchdog = Watchdog(dict, [operator], lambda: nullcontext({"webhook": sink}), real, uuid.uuid4, 0.02, watch.seconds)
    task = asyncio.create_task(watchdog.run())
    async with asyncio.timeout(10):
        while not sink.taken:
            await asyncio.sleep(0.01)
    await watchdog.stop()
    await task
    assert sink.taken[0][1].payload["lags"] == {"scoring": 90.0}
