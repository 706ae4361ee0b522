"""The operations page: what it says of consumers, dead letters, and of a broker that is away."""

from collections.abc import Callable
from datetime import UTC, datetime

import httpx

from services.reporting.bus_view import BusView, ConsumerLag, DeadLetter
from services.reporting.stores.memory import MemoryReadModels
from shared.errors import Unavailable
from tests.unit.reporting.registered import registry
from tests.unit.reporting.site_in_memory import app_of, signed

AT = datetime(2023, 7, 1, 4, 30, tzinfo=UTC)


class Busy:
    """Notify is behind, and one record was set aside."""

    async def lags(self, groups: tuple[str, ...]) -> list[ConsumerLag]:
        return [ConsumerLag(group, group == "notify", 12.3 if group == "notify" else 0.0) for group in groups]

    async def dead_letters(self, most: int) -> list[DeadLetter]:
        return [DeadLetter("2-17", AT, "notify", "invalid", "no such unit", "hazards.v1:3:88")][:most]


class Away:
    """A broker that does not answer."""

    async def lags(self, groups: tuple[str, ...]) -> list[ConsumerLag]:
        raise Unavailable("broker", f"asked for {groups}")

    async def dead_letters(self, most: int) -> list[DeadLetter]:
        raise Unavailable("broker", f"asked for {most}")


async def page(bus: Callable[[], BusView]) -> str:
    app = app_of(MemoryReadModels(), registry([], accepted=0), bus())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        answer = await http.get("/operations?lang=en", headers=signed("admin"))
        assert answer.status_code == 200
        return answer.text


async def test_each_consumer_of_the_system_has_its_lag_in_seconds() -> None:
    said = await page(Busy)
    assert all(f"<code>{group}</code>" in said for group in ("scoring", "notify", "reporting-g1"))
    assert "12.3" in said


async def test_a_dead_letter_is_shown_with_its_cause_and_place() -> None:
    said = await page(Busy)
    assert all(text in said for text in ("2-17", "no such unit", "hazards.v1:3:88", "2023-07-01 12:30"))


async def test_a_broker_that_is_away_takes_nothing_else_from_the_page() -> None:
    said = await page(Away)
    assert "The broker does not answer" in said
    assert "missing 0 of 0" in said
