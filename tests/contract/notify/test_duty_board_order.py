"""What the duty board shows when more alerts stand than fit on it."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from services.notify.pages.routes import SHOWN
from services.notify.ports import Saving
from shared.http.permissions import Role
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
        page = (await world.http.get("/board?lang=en", headers=key)).text
        shown = re.findall(r'href="/alerts/([^"]+)"', page)
        assert (len(shown), shown[0]) == (SHOWN, extreme)
        assert answered not in shown
        assert "Only the 200 most urgent are shown." in page
        assert re.search(r"open 200 · escalated 1 · answered 1", page)
