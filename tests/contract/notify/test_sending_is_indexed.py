"""Nothing that a message needs on its way goes through a whole collection, nor through everything that is due."""

import uuid
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import SON

from services.notify.ports import AlertFilter
from services.notify.rules.alert import StepKind, with_step
from services.notify.rules.silences import Silence
from services.notify.stores import due_reach
from services.notify.stores.mongo import MongoAlertStore, MongoLedger, MongoSilences
from shared import mongo
from shared.settings import Settings
from tests.contract.notify.test_notify_stores import NOW, alert, delivery, opening

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
ALERTS, CLOSED_FROM = 400, 20


class Noting:
    """A collection that asks the store how it goes about each read before it makes it."""

    def __init__(self, inner: mongo.Collection, note: Callable[[str, Any], None]) -> None:
        self._inner = inner
        self._note = note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def find(self, where: dict[str, Any], *fields: Any) -> mongo.Cursor:
        self._note(self._inner.name, where)
        return self._inner.find(where, *fields)

    async def find_one(self, where: dict[str, Any], *fields: Any) -> Any:
        self._note(self._inner.name, where)
        return await self._inner.find_one(where, *fields)


class Explained:
    """The stores of a message's way, and what each read of theirs looked for."""

    def __init__(self, database: mongo.Database) -> None:
        self._database = database
        self.asked: list[tuple[str, dict[str, Any]]] = []
        noting = _Watched(database, lambda name, where: self.asked.append((name, where)))
        self.alerts = MongoAlertStore(noting)  # type: ignore[arg-type]
        self.ledger = MongoLedger(noting)  # type: ignore[arg-type]
        self.silences = MongoSilences(noting)  # type: ignore[arg-type]

    async def examined(self) -> list[tuple[str, dict[str, Any], int, bool]]:
        """Each read with the documents looked at, and whether the whole collection was gone through."""
        found = []
        for name, where in self.asked:
            find = SON([("find", name), ("filter", where)])
            told = await self._database.command(SON([("explain", find), ("verbosity", "executionStats")]))
            scanned = "COLLSCAN" in str(told["queryPlanner"]["winningPlan"])
            found.append((name, where, int(told["executionStats"]["totalDocsExamined"]), scanned))
        return found


class _Watched:
    def __init__(self, database: mongo.Database, note: Callable[[str, Any], None]) -> None:
        self._database = database
        self._note = note

    def collection(self, name: str) -> Noting:
        return Noting(self._database.collection(name), self._note)


@pytest.fixture
async def stores(store_settings: Settings) -> AsyncIterator[Explained]:
    """Twenty alerts of a unit that are due, among hundreds that are closed."""
    database = mongo.connect(store_settings, "notify")
    found = Explained(database)
    for store in (found.alerts, found.ledger, found.silences):
        await store.prepare()
    rows = [
        with_step(alert(number), StepKind.REMINDER, NOW) if number < CLOSED_FROM else alert(number, state="closed")
        for number in range(ALERTS)
    ]
    await found.alerts.insert([opening(row) for row in rows])
    await found.alerts.published(await found.alerts.unpublished(ALERTS))
    await found.ledger.record_all([delivery(number, "again", alert_id=f"a-{number}") for number in range(50)])
    standing = Silence(id="s", unit_id="linzi", reason="works", from_=NOW, to=NOW + timedelta(days=1), by="me")
    await found.silences.put(standing, ())
    found.asked.clear()
    yield found
    await database.drop()
    await database.close()


async def a_message_on_its_way(stores: Explained) -> None:
    """Every read of the dispatcher, the stages, the handlers and the outbox."""
    standing = AlertFilter(unit_id="linzi", states=frozenset({"open", "escalated"}))
    await stores.alerts.get([str(uuid.UUID(int=1))])
    assert len(await stores.alerts.due(NOW, 50)) == CLOSED_FROM
    assert len(await stores.alerts.find(standing, 200)) == CLOSED_FROM
    assert await stores.alerts.unit_alert("linzi", False) is None
    assert await stores.alerts.unpublished(200) == {}
    await stores.alerts.unpublished_of(str(uuid.UUID(int=1)))
    assert len(await stores.ledger.of_step("a-1", "first-1")) == 1
    assert len(await stores.silences.silences(NOW)) == 1
    assert await stores.silences.silences(NOW + timedelta(days=2)) == []


async def test_no_read_of_a_message_looks_at_closed_alerts_or_at_what_others_were_sent(stores: Explained) -> None:
    await a_message_on_its_way(stores)
    reads = await stores.examined()
    assert len(reads) >= 9
    assert [(name, where) for name, where, _, scanned in reads if scanned] == []
    assert max(examined for _, _, examined, _ in reads) <= CLOSED_FROM


async def test_a_read_without_an_index_would_be_noticed(stores: Explained) -> None:
    await stores.alerts.find(AlertFilter(severity="severe", drill=False), 10)
    assert [scanned for *_, scanned in await stores.examined()] == [True]


async def test_a_look_for_due_alerts_does_not_cost_as_much_as_all_that_are_due(store_settings: Settings) -> None:
    database = mongo.connect(store_settings, "notify")
    stores = Explained(database)
    await stores.alerts.prepare()
    moments = [NOW + number * due_reach.FIRST_STEP for number in range(ALERTS)]
    rows = [with_step(alert(number), StepKind.FIRST, moment) for number, moment in enumerate(moments)]
    await stores.alerts.insert([opening(row) for row in rows])
    assert await looked(stores, moments[-1]) == [row.id for row in rows[:8]]
    stores.asked.clear()
    assert await looked(stores, moments[-1]) == [row.id for row in rows[:8]]
    assert max(examined for _, _, examined, _ in await stores.examined()) < 4 * 8
    await database.drop()
    await database.close()


async def looked(stores: Explained, now: datetime) -> list[str]:
    return [found.id for found in await stores.alerts.due(now, 8)]
