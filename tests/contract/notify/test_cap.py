"""CAP messages against the OASIS schema, and the feed of them."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from shared.http.permissions import Role
from tests.contract.notify.world import World, settings

CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
SCHEMA = etree.XMLSchema(etree.parse(str(Path(__file__).parent / "oasis" / "CAP-v1.2-schema.xsd")))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    async with World(settings(tmp_path)) as found:
        await found.register()
        yield found


async def message(world: World, id: str, key: dict[str, str]) -> etree._Element:
    answer = await world.http.get(f"/v1/alerts/{id}/cap.xml", headers=key)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/cap+xml")
    root = etree.fromstring(answer.content)
    SCHEMA.assertValid(root)
    return root


def text(root: etree._Element, name: str) -> str:
    return root.findtext(f"{CAP}{name}") or ""


async def test_alert_update_and_cancel_refer_to_what_came_before(world: World) -> None:
    key = await world.sign_in(Role.NATIONAL)
    id = await world.publish(world.hazard())
    await world.settled(id)
    first = await message(world, id, key)
    assert (text(first, "msgType"), text(first, "status"), text(first, "references")) == ("Alert", "Actual", "")
    world.clock.turn(hours=1)
    await world.told("prefecture")
    await world.settled(id)
    second = await message(world, id, key)
    assert text(second, "msgType") == "Update"
    assert text(second, "references").split(",")[1] == text(first, "identifier")
    await world.publish(world.clearing())
    await world.told("county", 2)
    last = await message(world, id, key)
    assert text(last, "msgType") == "Cancel"
    assert len(text(last, "references").split()) == 2
    assert [info.findtext(f"{CAP}language") for info in last.findall(f"{CAP}info")] == ["zh-CN", "en-US"]


async def test_one_that_is_opened_again_is_a_new_alert_and_refers_to_nothing_cancelled(world: World) -> None:
    key = await world.sign_in(Role.NATIONAL)
    id = await world.publish(world.hazard())
    await world.settled(id)
    for route, expected in (("close", "Cancel"), ("reopen", "Alert")):
        world.clock.turn(minutes=1)
        await world.http.post(f"/v1/alerts/{id}/{route}", headers=key, json={"reason": "tried"})
        await world.settled(id)
        assert text(await message(world, id, key), "msgType") == expected
    assert text(await message(world, id, key), "references") == ""
    await world.http.post(f"/v1/alerts/{id}/ack", headers=key, json={"note": ""})
    updated = await message(world, id, key)
    assert (text(updated, "msgType"), len(text(updated, "references").split())) == ("Update", 1)


async def test_a_drill_is_an_exercise(world: World) -> None:
    key = await world.sign_in(Role.NATIONAL)
    id = await world.publish(world.hazard("accident.ordinary", subject="a-1", drill=True))
    await world.settled(id)
    assert text(await message(world, id, key), "status") == "Exercise"


async def test_what_no_xml_may_hold_does_not_break_the_message(world: World) -> None:
    key = await world.sign_in(Role.NATIONAL)
    id = await world.publish(world.hazard(facts={"location": "tank \x00<&>\x1b 7", "list": [1], "none": None}))
    await world.settled(id)
    await message(world, id, key)


def test_the_schema_refuses_a_message_without_a_status() -> None:
    root = etree.fromstring(
        b'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>1</identifier><sender>a</sender>'
        b"<sent>2023-02-20T09:00:00+08:00</sent><msgType>Alert</msgType><scope>Public</scope></alert>"
    )
    assert not SCHEMA.validate(root)


async def test_the_feed_names_each_alert_once_newest_first(world: World) -> None:
    key = await world.sign_in(Role.NATIONAL)
    first = await world.publish(world.hazard(subject="f-1"))
    await world.settled(first)
    world.clock.turn(seconds=timedelta(minutes=1).total_seconds())
    second = await world.publish(world.hazard(subject="f-2"))
    await world.settled(second)
    answer = await world.http.get("/v1/cap/feed.atom", headers=key)
    root = etree.fromstring(answer.content)
    ids = [
        entry.findtext("{http://www.w3.org/2005/Atom}id") for entry in root.iter("{http://www.w3.org/2005/Atom}entry")
    ]
    assert ids == [f"urn:uuid:{second}", f"urn:uuid:{first}"]
