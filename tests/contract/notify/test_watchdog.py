"""The watchdog's own path to the operators."""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import pytest

from services.notify.ports import Sent
from services.notify.rules.routing import Contact
from services.notify.watchdog import Watchdog
from shared.clock import real
from tests.contract.notify.world import Receiver

LATE = {"steps_overdue": 61.0}


def watching(sink: Receiver, lags: Callable[[], Mapping[str, float]], locale: str = "zh-CN") -> Watchdog:
    operator = Contact("operators", "ops", "webhook", "http://127.0.0.1", locale=locale)
    return Watchdog(lags, [operator], lambda: nullcontext({"webhook": sink}), real, uuid.uuid4, 0.02)


async def stopped(watchdog: Watchdog, task: asyncio.Task[None]) -> None:
    await watchdog.stop()
    await task


async def test_the_watchdog_tells_the_operators_even_while_the_main_loop_hangs() -> None:
    sink = Receiver()
    watchdog = watching(sink, lambda: LATE)
    task = asyncio.create_task(watchdog.run())
    await asyncio.sleep(0)
    # Blocks the loop on purpose: the message must come from elsewhere.
    deadline = time.monotonic() + 5
    while not sink.taken and time.monotonic() < deadline:
        time.sleep(0.01)
    await stopped(watchdog, task)
    ((contact, message),) = sink.taken
    assert (contact.id, message.payload["kind"]) == ("ops", "notify.behind")


@pytest.mark.parametrize(("locale", "text"), [("zh-CN", "逾期未发的消息 61 秒"), ("en", "messages overdue 61 s")])
async def test_the_operators_are_told_in_their_language_until_one_of_them_has_it(locale: str, text: str) -> None:
    sink = Receiver(answers=[Sent("again", "HTTP 500"), Sent("failed", "HTTP 404")])
    watchdog = watching(sink, lambda: LATE, locale)
    task = asyncio.create_task(watchdog.run())
    async with asyncio.timeout(5):
        while not sink.taken:
            await asyncio.sleep(0.01)
    await stopped(watchdog, task)
    assert len(sink.tried) == 3
    assert text in sink.taken[0][1].text


async def test_a_watchdog_that_breaks_does_not_break_in_silence() -> None:
    def broken() -> Any:
        raise KeyError("lag")

    with pytest.raises(KeyError):
        async with asyncio.timeout(5):
            await watching(Receiver(), broken).run()
