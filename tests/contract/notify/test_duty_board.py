"""What the duty board shows when more alerts stand than fit on it, and how it is kept live."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from sse_starlette import ServerSentEvent

from services.notify.assembly import PACKAGE
from services.notify.pages.board import SHOWN, Board
from services.notify.ports import Saving
from shared.http.permissions import Role
from shared.web.pages import Pages
from tests.contract.notify.test_acknowledgement_races import alert_with_steps
from tests.contract.notify.world import UNIT, World, settings


async def stored(world: World, **fields: Any) -> str:
    alert = alert_with_steps(world.clock).model_copy(update={"unit_id": UNIT, "steps": (), **fields})
    await world.stores.alerts.insert([Saving(alert, 0)])
    return str(alert.id)


async def test_the_most_urgent_stay_on_the_board_however_many_lesser_ones_are_newer(tmp_path: Path) -> None:
    async with World(settings(tmp_path)) as world:
        await world.register()
        old = world.clock() - timedelta(days=3)
        extreme = await stored(world, severity="extreme", state="escalated", opened_at=old)
        answered = await stored(world, severity="extreme", state="acknowledged")
        for _ in range(SHOWN):
            await stored(world, severity="minor")
        key = await world.sign_in(Role.NATIONAL)
        page = (await world.http.get("/?lang=en", headers=key)).text
        shown = re.findall(r'href="/alerts/([^"]+)"', page)
        assert (len(shown), shown[0]) == (SHOWN, extreme)
        assert answered not in shown
        assert "Only the 200 most urgent are shown." in page
        assert re.search(r"open 200 · escalated 1 · answered 1", page)


async def test_the_stream_sends_the_rows_when_they_have_changed_and_ends_with_the_key(tmp_path: Path) -> None:
    async with World(settings(tmp_path)) as world:
        await world.register()
        key = await world.sign_in(Role.COUNTY, authority="county")
        board = Board(world.stores.alerts, Pages(PACKAGE, world.settings, world.clock), world.clock)
        stream = board.stream(request(world, key))
        first = await anext(stream)
        assert b"No alert stands." in ServerSentEvent(**first).encode()
        coming = asyncio.create_task(anext(stream))
        id = await stored(world, severity="severe")
        async with asyncio.timeout(5):
            assert f"/alerts/{id}" in (await coming)["data"]
        await world.revoke(key)
        async with asyncio.timeout(5):
            with pytest.raises(StopAsyncIteration):
                await anext(stream)


def request(world: World, key: dict[str, str]) -> Request:
    headers = [(name.encode(), value.encode()) for name, value in (key | {"accept-language": "en"}).items()]
    scope = {"type": "http", "method": "GET", "path": "/board/stream", "query_string": b"", "headers": headers}
    return Request(scope | {"app": world.notify.app})
