"""The contract of notify's store, kept in memory and by the real one."""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.notify.ports import AlertFilter, Saving, Scope
from services.notify.rules.alert import Alert, StepKind, with_step
from services.notify.rules.deliveries import Attempt, Delivery
from services.notify.rules.silences import Silence
from services.notify.rules.snapshots import enveloped, opened_event, updated_event
from services.notify.stores.mongo import MongoAlertStore, MongoLedger, MongoSilences
from shared import mongo
from shared.events.base import LogPosition
from tests.contract.notify.world import Stores

NOW = datetime(2023, 2, 20, 1, 0, tzinfo=UTC)


@pytest.fixture(params=["memory", pytest.param("mongo", marks=pytest.mark.integration)])
async def stores(request: pytest.FixtureRequest) -> AsyncGenerator[Stores]:
    if request.param == "memory":
        yield Stores()
        return
    database = mongo.connect(request.getfixturevalue("store_settings"), "notify")
    found = Stores(MongoAlertStore(database), MongoLedger(database), MongoSilences(database))
    for store in (found.alerts, found.ledger, found.silences):
        await store.prepare()
    yield found
    await database.drop()
    await database.close()


def alert(number: int = 1, **fields: Any) -> Alert:
    values = {
        "id": str(uuid.UUID(int=number)),
        "unit_id": "linzi",
        "kind": "major_finding",
        "policy_key": "major_finding",
        "subject": f"f-{number}",
        "headline": {"zh": "隐患", "en": "danger"},
        "facts": {"item": "5", "list": [1, {"a": None}], "s": 1.5},
        "severity": "severe",
        "opened_at": NOW + timedelta(seconds=number),
        "changed_at": NOW,
        "position": LogPosition(partition=0, offset=number),
    }
    return Alert.model_validate(values | fields)


def opening(found: Alert) -> Saving:
    return Saving(found, 0, enveloped(found, [opened_event(found, ())], NOW))


def changing(found: Alert, **fields: Any) -> Saving:
    after = found.model_copy(update={"version": found.version + 1, **fields})
    return Saving(after, found.version, enveloped(after, [updated_event(after, False)], NOW))


async def test_an_alert_comes_back_as_it_was_stored(stores: Stores) -> None:
    found = with_step(alert(), StepKind.FIRST, NOW, ("county",), "note")
    await stores.alerts.insert([opening(found)])
    assert await stores.alerts.get([found.id, "unknown"]) == {found.id: found}


async def test_inserting_again_changes_nothing_and_says_so(stores: Stores) -> None:
    known = alert()
    await stores.alerts.insert([opening(known)])
    other = known.model_copy(update={"severity": "minor"})
    assert await stores.alerts.insert([opening(other), opening(alert(2))]) == {known.id}
    assert (await stores.alerts.get([known.id]))[known.id].severity == "severe"
    assert len(await stores.alerts.get([alert(2).id])) == 1


async def test_of_two_changes_to_one_version_one_stands(stores: Stores) -> None:
    known = alert()
    await stores.alerts.insert([opening(known)])
    tries = [stores.alerts.save(changing(known, subject=f"by {number}")) for number in range(8)]
    assert sorted(await asyncio.gather(*tries)) == [False] * 7 + [True]
    assert (await stores.alerts.get([known.id]))[known.id].version == 2


async def test_of_several_changes_in_one_call_each_is_stored_or_not_by_itself(stores: Stores) -> None:
    rows = [alert(number) for number in (1, 2, 3)]
    await stores.alerts.insert([opening(row) for row in rows])
    await stores.alerts.save(changing(rows[1], subject="somebody was faster"))
    wanted = [changing(rows[0], subject="mine"), changing(rows[1], subject="mine"), changing(rows[2], subject="mine")]
    assert await stores.alerts.save_all([*wanted, changing(rows[2], subject="twice")]) == [True, False, True, False]
    stored = await stores.alerts.get([row.id for row in rows])
    assert [stored[row.id].subject for row in rows] == ["mine", "somebody was faster", "mine"]
    assert [len(await stores.alerts.unpublished_of(row.id)) for row in rows] == [2, 2, 2]


async def test_due_alerts_are_those_with_a_step_or_an_ended_lease(stores: Stores) -> None:
    due = with_step(alert(1), StepKind.FIRST, NOW)
    later = with_step(alert(2), StepKind.FIRST, NOW + timedelta(seconds=1))
    leased = with_step(alert(3), StepKind.FIRST, NOW)
    lease = leased.steps[0].model_copy(update={"claimed_by": "a/1", "lease_until": NOW + timedelta(seconds=30)})
    leased = leased.model_copy(update={"steps": (lease,)})
    await stores.alerts.insert([opening(found) for found in (due, later, leased, alert(4))])
    assert [found.id for found in await stores.alerts.due(NOW, 10)] == [due.id]
    assert len(await stores.alerts.due(NOW + timedelta(seconds=30), 10)) == 3
    await stores.alerts.save(changing(due, steps=()))
    assert await stores.alerts.due(NOW, 10) == []


async def test_events_wait_until_published_and_never_come_back(stores: Stores) -> None:
    known = alert()
    first = opening(known)
    await stores.alerts.insert([first])
    second = changing(known)
    await stores.alerts.save(second)
    waiting = await stores.alerts.unpublished(10)
    assert [event.id for event in waiting[known.id]] == [event.id for event in (*first.events, *second.events)]
    assert list(waiting[known.id]) == [*first.events, *second.events]
    third = changing(second.alert)
    await stores.alerts.save(third)
    await stores.alerts.published(waiting)
    assert [event.id for event in await stores.alerts.unpublished_of(known.id)] == [third.events[0].id]
    await stores.alerts.published({known.id: third.events})
    assert await stores.alerts.unpublished(10) == {}


async def test_lists_are_newest_first_within_scope_and_go_on_where_they_ended(stores: Stores) -> None:
    rows = [alert(n, unit_id="linzi" if n % 2 else "other", enterprise_id=f"e-{n}") for n in range(1, 7)]
    await stores.alerts.insert([opening(row) for row in rows])

    async def ids(**wanted: Any) -> list[int]:
        found = await stores.alerts.find(AlertFilter(**wanted), 10)
        return [int(one.subject.removeprefix("f-")) for one in found]

    assert await ids() == [6, 5, 4, 3, 2, 1]
    assert await ids(scope=Scope(frozenset({"linzi"}))) == [5, 3, 1]
    assert await ids(scope=Scope(frozenset({"linzi"})), unit_id="other") == []
    assert await ids(scope=Scope(None, frozenset({"e-4"}))) == [4]
    assert await ids(before=(rows[3].opened_at, rows[3].id)) == [3, 2, 1]
    assert await ids(states=frozenset({"closed"})) == []
    assert await ids(severity="severe", drill=True) == []
    assert await stores.alerts.count(AlertFilter(Scope(frozenset({"linzi"})), states=frozenset({"open"}))) == 3
    assert await stores.alerts.count(AlertFilter(states=frozenset({"closed"}))) == 0


async def test_the_units_own_alert_is_found_unless_closed(stores: Stores) -> None:
    orange = alert(1, kind="unit.orange", severity="severe")
    red = alert(2, kind="unit.red", severity="extreme", state="closed")
    await stores.alerts.insert([opening(orange), opening(red), opening(alert(3, severity="extreme"))])
    assert await stores.alerts.unit_alert("linzi", False) == "severe"
    assert await stores.alerts.unit_alert("linzi", True) is None


def delivery(number: int, *attempts: str, **fields: Any) -> Delivery:
    values = {
        "id": str(uuid.UUID(int=number)),
        "alert_id": "a-1",
        "unit_id": "linzi",
        "step": "first-1",
        "tier": "county",
        "authority_id": "c",
        "contact_id": "1",
        "channel": "email",
        "message_id": "m",
        "state": "retrying",
        "attempts": tuple(Attempt(at=NOW, outcome=one, detail="") for one in attempts),
        "at": NOW + timedelta(seconds=number),
    }
    return Delivery.model_validate(values | fields)


async def test_a_delivery_is_replaced_by_its_next_attempt(stores: Stores) -> None:
    await stores.ledger.record(delivery(1, "again"))
    other = delivery(2, "again", step="reminder-2", alert_id="a-2", unit_id="other")
    await stores.ledger.record_all([other, delivery(1, "again", "delivered")])
    assert await stores.ledger.of_step("a-1", "first-1") == [delivery(1, "again", "delivered")]
    assert await stores.ledger.delivery(delivery(1).id) == delivery(1, "again", "delivered")
    listed = await stores.ledger.deliveries(Scope(), None, None, 10)
    assert [found.id for found in listed] == [delivery(2).id, delivery(1).id]
    assert len(await stores.ledger.deliveries(Scope(frozenset({"other"})), None, None, 10)) == 1


async def test_history_keeps_each_event_once_in_order(stores: Stores) -> None:
    known = alert()
    events = [*opening(known).events, *changing(known).events]
    await stores.ledger.append(events)
    await stores.ledger.append(events[1:])
    assert [event.id for event in await stores.ledger.history(known.id)] == [event.id for event in events]


async def test_a_silence_is_replaced_version_by_version(stores: Stores) -> None:
    first = Silence(id="s", unit_id="linzi", reason="works", from_=NOW, to=NOW + timedelta(days=1), by="me")
    assert await stores.silences.put(first, ())
    assert not await stores.silences.put(first, ())
    second = first.model_copy(update={"version": 2, "deleted": True})
    assert await stores.silences.put(second, ())
    assert await stores.silences.silence("s") == second
    assert await stores.silences.silences() == [second]
    assert await stores.silences.silences(NOW) == []
