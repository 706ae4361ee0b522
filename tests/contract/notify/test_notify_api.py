"""Notify's HTTP interface: scope and roles, refusals, silences, deliveries, contact tests, the pages."""

import csv
import io
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.notify.ports import Sent
from shared.http.permissions import Role
from tests.contract.notify.world import ADMIN, UNIT, World, authority, contact, settings


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    async with World(settings(tmp_path)) as found:
        await found.register()
        yield found


async def opened(world: World, **more: Any) -> str:
    id = await world.publish(world.hazard(**more))
    await world.settled(id)
    return id


ROUTES = [
    ("GET", "/v1/alerts", None),
    ("GET", "/v1/alerts/{id}", None),
    ("POST", "/v1/alerts/{id}/ack", {"note": "x"}),
    ("POST", "/v1/alerts/{id}/close", {"reason": "because"}),
    ("POST", "/v1/alerts/{id}/reopen", {"reason": "because"}),
    ("GET", "/v1/alerts/{id}/cap.xml", None),
    ("GET", "/v1/alerts/{id}/history.csv", None),
    ("GET", "/v1/alerts/{id}/history.ndjson", None),
    ("GET", "/v1/cap/feed.atom", None),
    ("GET", "/v1/deliveries", None),
    ("POST", "/v1/deliveries/{id}/retry", {}),
    ("GET", "/v1/silences", None),
    ("GET", "/v1/silences/s", None),
    ("PUT", "/v1/silences/s", {}),
    ("DELETE", "/v1/silences/s", None),
    ("POST", "/v1/contacts/test", {}),
    ("GET", "/v1/routes?unit_id=linzi", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_nothing_answers_without_a_key(world: World, method: str, path: str, body: Any) -> None:
    answer = await world.http.request(method, path.format(id="0" * 8 + "-0000-0000-0000-" + "0" * 12), json=body)
    assert answer.status_code == 401


@pytest.mark.parametrize("path", [path for method, path, _ in ROUTES if "{id}" in path and method == "GET"])
async def test_another_units_county_sees_nothing_of_an_alert(world: World, path: str) -> None:
    id = await opened(world)
    await world.put("authorities", "far", authority("county", None, contact("far-1")))
    stranger = await world.sign_in(Role.COUNTY, authority="far")
    assert (await world.http.get(path.format(id=id), headers=stranger)).status_code == 404
    assert (await world.http.get("/v1/alerts", headers=stranger)).json()["items"] == []
    assert (await world.http.get("/v1/deliveries", headers=stranger)).json()["items"] == []
    assert id not in (await world.http.get("/v1/cap/feed.atom", headers=stranger)).text
    own = await world.sign_in(Role.COUNTY, authority="county")
    assert (await world.http.get(path.format(id=id), headers=own)).status_code == 200


@pytest.mark.parametrize(
    ("role", "scope", "status"),
    [
        (Role.COUNTY, {"authority": "county"}, 200),
        (Role.PREFECTURE, {"authority": "prefecture"}, 200),
        (Role.PROVINCE, {"authority": "province"}, 200),
        (Role.NATIONAL, {}, 200),
        (Role.COUNTY, {"authority": "elsewhere"}, 404),
        (Role.EXPERT, {"units": [UNIT]}, 403),
        (Role.ENTERPRISE, {"enterprises": ["91370305MA3KEY0T16"]}, 403),
        (Role.VIEWER, {"units": [UNIT]}, 403),
    ],
)
async def test_any_tier_of_the_chain_may_acknowledge_and_nobody_else(
    world: World, role: Role, scope: dict[str, Any], status: int
) -> None:
    id = await opened(world)
    key = await world.sign_in(role, **scope)
    answer = await world.http.post(f"/v1/alerts/{id}/ack", headers=key, json={"note": "on it"})
    assert answer.status_code == status
    assert (await world.alert(id)).state == ("acknowledged" if status == 200 else "open")


async def test_an_enterprise_reads_its_own_alerts_only(world: World) -> None:
    id = await opened(world, subject="f-1")
    await opened(world, subject="f-2", enterprise_id="91370305MA3KEY0T99")
    key = await world.sign_in(Role.ENTERPRISE, enterprises=["91370305MA3KEY0T16"])
    assert [item["id"] for item in (await world.http.get("/v1/alerts", headers=key)).json()["items"]] == [id]


async def test_a_list_goes_on_at_its_cursor_until_the_end(world: World) -> None:
    key = await world.sign_in(Role.NATIONAL)
    ids = {await opened(world, subject=f"f-{number}") for number in range(5)}
    seen: list[str] = []
    cursor = ""
    while True:
        answer = (await world.http.get(f"/v1/alerts?limit=2{cursor}", headers=key)).json()
        seen += [item["id"] for item in answer["items"]]
        if not answer["next_cursor"]:
            break
        cursor = f"&cursor={answer['next_cursor']}"
    assert (len(seen), set(seen)) == (5, ids)
    assert (await world.http.get("/v1/alerts?cursor=zz", headers=key)).status_code == 400


async def test_refusals_are_named(world: World) -> None:
    key = await world.sign_in(Role.NATIONAL)
    id = await opened(world)
    past = (world.clock() - timedelta(hours=1)).isoformat()
    late = await world.http.post(f"/v1/alerts/{id}/ack", headers=key, json={"promise_by": past})
    assert (late.status_code, late.json()["errors"][0]["pointer"]) == (422, "/promise_by")
    assert (await world.http.post(f"/v1/alerts/{id}/reopen", headers=key, json={"reason": "why"})).status_code == 409
    assert (await world.http.post(f"/v1/alerts/{id}/close", headers=key, json={"reason": ""})).status_code == 422
    assert (await world.http.post(f"/v1/alerts/{id}/close", headers=key, json={"reason": "moot"})).status_code == 200
    closed = await world.http.post(f"/v1/alerts/{id}/ack", headers=key, json={"note": ""})
    assert (closed.status_code, closed.json()["type"]) == (409, "urn:keycounty:problem:alert_closed")
    assert (closed.json()["detail"], late.json()["errors"][0]["detail"]) == (
        "告警已关闭，无需再作承诺。",
        "承诺的时间已经过去。",
    )
    again = await world.http.post(f"/v1/alerts/{id}/reopen", headers=key, json={"reason": "not moot"})
    assert again.json()["state"] == "open"
    await world.told("county", 2)


async def test_the_answer_to_an_acknowledgement_names_sends_under_way(world: World) -> None:
    import asyncio

    key = await world.sign_in(Role.NATIONAL)
    world.receiver.gate = asyncio.Event()
    id = await world.publish(world.hazard())
    await world.until(lambda: world.receiver.tried, "a send under way")
    answer = await world.http.post(f"/v1/alerts/{id}/ack", headers=key, json={"note": "on it"})
    assert answer.json()["claimed_before"] == ["first-1"]
    world.receiver.gate.set()
    await world.told("county")
    await world.until(lambda: world.stores.ledger.by_id, "the delivery")
    assert (await world.alert(id)).state == "acknowledged"


async def test_a_silence_holds_messages_back_until_it_ends_but_no_clearing_and_no_accident(world: World) -> None:
    key = await world.sign_in(Role.COUNTY, authority="county")
    body = {"unit_id": UNIT, "reason": "planned shutdown", "to": (world.clock() + timedelta(hours=3)).isoformat()}
    put = await world.http.put("/v1/silences/works", headers=key, json=body)
    assert put.status_code == 200, put.text
    id = await world.publish(world.hazard())
    await world.until(lambda: world.alert(id), "the alert")
    await world.settled(id)
    assert world.receiver.tried == []
    await opened(world, kind="accident.ordinary", subject="a-1")
    assert len(world.receiver.taken) == 1
    world.clock.turn(hours=3)
    await world.told("county", 2)
    assert (await world.history(id))[:1] == ["alert.opened"]


async def test_a_silence_is_checked_whole(world: World) -> None:
    key = await world.sign_in(Role.COUNTY, authority="county")
    far = {"unit_id": UNIT, "reason": "works", "to": (world.clock() + timedelta(days=31)).isoformat()}
    answer = await world.http.put("/v1/silences/s", headers=key, json=far)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "too_long")
    everywhere = {"unit_id": None, "reason": "works", "to": (world.clock() + timedelta(days=1)).isoformat()}
    assert (await world.http.put("/v1/silences/s", headers=key, json=everywhere)).status_code == 404
    national = await world.sign_in(Role.NATIONAL)
    assert (await world.http.put("/v1/silences/s", headers=national, json=everywhere)).status_code == 200
    assert (await world.http.delete("/v1/silences/s", headers=national)).json()["deleted"] is True
    await world.until(lambda: not world.stores.silences.pending, "the events on the bus")
    assert len(await world.published("silence.put")) == 2


async def test_silences_are_listed_page_by_page_and_only_those_of_the_callers_units(world: World) -> None:
    national, county = await world.sign_in(Role.NATIONAL), await world.sign_in(Role.COUNTY, authority="county")
    to = (world.clock() + timedelta(days=1)).isoformat()
    for name, unit in (("a", UNIT), ("b", None), ("c", "elsewhere"), ("d", UNIT)):
        body = {"unit_id": unit, "reason": "works", "to": to}
        assert (await world.http.put(f"/v1/silences/{name}", headers=national, json=body)).status_code == 200
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = (await world.http.get(f"/v1/silences?limit=2{cursor}", headers=county)).json()
        seen += [item["id"] for item in answer["items"]]
        cursor = f"&cursor={answer['next_cursor']}" if answer["next_cursor"] else None
    assert seen == ["a", "b", "d"]
    assert (await world.http.get("/v1/silences?limit=501", headers=county)).status_code == 422
    assert (await world.http.get("/v1/silences?cursor=zz", headers=county)).status_code == 400


async def test_the_end_of_a_silence_is_announced_once(world: World) -> None:
    key = await world.sign_in(Role.COUNTY, authority="county")
    body = {"unit_id": UNIT, "reason": "works", "to": (world.clock() + timedelta(hours=4)).isoformat()}
    await world.http.put("/v1/silences/s", headers=key, json=body)
    notices = world.notify.others[1]
    assert await notices.announce() == 0
    world.clock.turn(hours=3)
    assert await notices.announce() == 1
    assert await notices.announce() == 0
    await world.told("county")


async def test_the_end_of_a_silence_of_all_units_is_told_to_the_national_tier_and_the_operators(world: World) -> None:
    key = await world.sign_in(Role.NATIONAL)
    body = {"unit_id": None, "reason": "works", "to": (world.clock() + timedelta(hours=4)).isoformat()}
    await world.http.put("/v1/silences/s", headers=key, json=body)
    world.clock.turn(hours=3)
    assert await world.notify.others[1].announce() == 1
    world.clock.turn(seconds=31)
    await world.told("national")
    (message,) = await world.told("operators")
    assert message.payload["facts"] == {"silence": "s", "ends": body["to"], "reason": "works"}
    assert world.receiver.to("county") == []


async def test_a_failed_delivery_can_be_sent_again_under_the_same_id(world: World) -> None:
    key = await world.sign_in(Role.COUNTY, authority="county")
    world.receiver.answers = [Sent("failed", "HTTP 404")]
    id = await opened(world)
    (row,) = (await world.http.get(f"/v1/deliveries?alert_id={id}", headers=key)).json()["items"][-1:]
    assert (row["state"], row["contact_id"]) == ("failed", "county-1")
    assert (await world.http.post(f"/v1/deliveries/{row['id']}/retry", headers=key, json={})).status_code == 202
    (message,) = await world.told("county")
    assert message.id == row["message_id"]
    await world.settled(id)
    assert (await world.stores.ledger.delivery(row["id"])).state == "delivered"


async def test_a_contact_can_be_tried_by_its_own_authority(world: World) -> None:
    own = await world.sign_in(Role.COUNTY, authority="county")
    body = {"authority_id": "county", "contact_id": "county-1"}
    answer = await world.http.post("/v1/contacts/test", headers=own, json=body)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "delivered")
    assert world.receiver.to("county")[0].subject.startswith("【测试】")
    other = await world.sign_in(Role.COUNTY, authority="prefecture")
    assert (await world.http.post("/v1/contacts/test", headers=other, json=body)).status_code == 404
    unknown = {"authority_id": "county", "contact_id": "nobody"}
    assert (await world.http.post("/v1/contacts/test", headers=ADMIN, json=unknown)).status_code == 404


async def test_a_dry_run_says_who_would_be_told_and_tells_nobody(world: World) -> None:
    key = await world.sign_in(Role.NATIONAL)
    found = (await world.http.get("/v1/routes?unit_id=linzi&kind=major_finding", headers=key)).json()
    assert [(tier["tier"], tier["after_minutes"]) for tier in found["tiers"]] == [
        ("county", 0),
        ("prefecture", 60),
        ("province", 120),
        ("national", 180),
    ]
    assert world.receiver.tried == []


async def test_a_link_from_a_group_asks_for_a_name(tmp_path: Path) -> None:
    async with World(settings(tmp_path)) as world:
        await world.register(channel="wecom")
        id = await world.publish(world.hazard())
        (message,) = await world.told("county")
        await world.settled(id)
        path = "/ack/" + (message.ack_url or "").rsplit("/", 1)[1]
        nameless = await world.http.post(path, data={"note": "x"})
        assert (nameless.status_code, (await world.alert(id)).state) == (422, "open")
        named = await world.http.post(path, data={"note": "x", "name": "王"})
        assert (named.status_code, (await world.alert(id)).answer.by) == (200, "王 (county/county-1)")
        assert named.headers["referrer-policy"] == "no-referrer"
        assert (await world.http.post(path, data={"name": "李"})).status_code == 409


@pytest.mark.parametrize("change", [lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"), lambda _: "x"])
async def test_a_link_that_was_changed_is_nothing(world: World, change: Any) -> None:
    id = await opened(world)
    token = (world.receiver.to("county")[0].ack_url or "").rsplit("/", 1)[1]
    # The last letter of base64 may carry bits of no meaning; the one before never does.
    forged = change(token[:-1]) + token[-1] if len(change("xy")) > 1 else change(token)
    answer = await world.http.post(f"/ack/{forged}", data={"name": "somebody"})
    assert (answer.status_code, (await world.alert(id)).state) == (404, "open")


async def test_an_expired_link_acknowledges_nothing(world: World) -> None:
    id = await opened(world)
    token = (world.receiver.to("county")[0].ack_url or "").rsplit("/", 1)[1]
    world.clock.turn(hours=73)
    assert (await world.http.post(f"/ack/{token}", data={"name": "x"})).status_code == 410
    assert (await world.alert(id)).state != "acknowledged"


async def test_the_pages_want_a_sign_in_and_show_what_the_key_may_see(world: World) -> None:
    id = await opened(world)
    assert (await world.http.get("/")).status_code == 303
    key = await world.sign_in(Role.COUNTY, authority="county")
    for language, word in (("zh-CN", "值班看板"), ("en", "Duty board")):
        board = await world.http.get(f"/?lang={language}", headers=key)
        assert board.status_code == 200
        assert word in board.text
        assert id in board.text
        one = await world.http.get(f"/alerts/{id}?lang={language}", headers=key)
        assert (one.status_code, "county-1" in one.text) == (200, True)


@pytest.mark.parametrize(("language", "words"), [("zh-CN", "风险已不存在"), ("en", "the hazard stands no longer")])
async def test_a_page_says_in_words_why_an_alert_was_closed(world: World, language: str, words: str) -> None:
    key = await world.sign_in(Role.COUNTY, authority="county")
    id = await opened(world)
    await world.publish(world.clearing().model_copy(update={"reason": "no_longer"}))
    await world.told("county", 2)
    assert words in (await world.http.get(f"/alerts/{id}?lang={language}", headers=key)).text


async def test_exports_hold_the_history_and_no_formula(world: World) -> None:
    key = await world.sign_in(Role.COUNTY, authority="county")
    id = await opened(world)
    await world.http.post(f"/v1/alerts/{id}/ack", headers=key, json={"note": "=1+1"})
    table = (await world.http.get(f"/v1/alerts/{id}/history.csv", headers=key)).text
    assert table.startswith("\ufeffat,event,")
    rows = {row["event"]: row for row in csv.DictReader(io.StringIO(table.removeprefix("\ufeff")))}
    delivered, answered = rows["alert.delivered"], rows["alert.acknowledged"]
    assert (delivered["authority_id"], delivered["step"], delivered["result"]) == ("county", "first-1", "ok")
    assert (answered["by"], answered["note"], answered["state"]) == ("county on duty", "'=1+1", "acknowledged")
    lines = (await world.http.get(f"/v1/alerts/{id}/history.ndjson", headers=key)).text.splitlines()
    assert len(lines) == 3


async def test_both_forms_take_the_time_of_a_promise_in_local_time_and_refuse_what_is_none(world: World) -> None:
    officer = await world.sign_in(Role.COUNTY, authority="county")
    on_page, by_link = await opened(world, subject="f-1"), await opened(world, subject="f-2")
    token = str(world.receiver.to("county")[-1].ack_url).rsplit("/", 1)[1]
    forms: list[tuple[str, str, dict[str, str]]] = [
        (on_page, f"/alerts/{on_page}/ack", officer),
        (by_link, f"/ack/{token}", {}),
    ]
    for id, path, headers in forms:
        for text in ("soon", "0001-01-01T00:00", "2023-02-20T08:59", "9999-12-31T23:59", "2025-01-01T00:00"):
            answer = await world.http.post(path, headers=headers, data={"name": "王", "promise_by": text})
            assert (answer.status_code, (await world.alert(id)).state) == (422, "open"), text
        done = await world.http.post(path, headers=headers, data={"name": "王", "promise_by": "2023-02-21T18:00"})
        assert done.status_code in (200, 303)
        assert (await world.alert(id)).promise_by.isoformat() == "2023-02-21T10:00:00+00:00"


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "2025-01-01T00:00:00Z"])
async def test_a_promise_reaches_a_year_ahead_at_most(world: World, moment: str) -> None:
    key = await world.sign_in(Role.NATIONAL)
    id = await opened(world)
    answer = await world.http.post(f"/v1/alerts/{id}/ack", headers=key, json={"promise_by": moment})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "promise_too_far")
