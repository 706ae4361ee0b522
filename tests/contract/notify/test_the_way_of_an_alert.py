"""From a hazard on the bus to messages, acknowledgement, escalation and clearing, over stores in memory."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest

from services.notify.ports import Sent
from shared.http.permissions import Role
from tests.contract.notify.world import ADMIN, Receiver, World, authority, contact, settings


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    async with World(settings(tmp_path)) as found:
        yield found


async def test_a_hazard_reaches_the_county_and_nobody_else(world: World) -> None:
    await world.register()
    id = await world.publish(world.hazard())
    (message,) = await world.told("county")
    alert = await world.settled(id)
    assert message.payload["id"] == id
    assert (alert.state, alert.severity, alert.told) == ("open", "severe", ("county",))
    assert len(world.receiver.taken) == 1


async def test_an_extreme_hazard_reaches_prefecture_and_province_at_once(world: World) -> None:
    await world.register()
    id = await world.publish(world.hazard("accident.major", subject="accident-1"))
    alert = await world.settled(id)
    assert alert.told == ("county", "prefecture", "province")
    assert alert.tier == "county"


async def test_an_unanswered_alert_climbs_tier_by_tier_to_the_nation(world: World) -> None:
    await world.register()
    id = await world.publish(world.hazard())
    await world.told("county")
    for tier in ("prefecture", "province", "national"):
        await world.settled(id)
        world.clock.turn(minutes=60)
        (message,) = await world.told(tier)
        assert message.state == "escalated"
    alert = await world.settled(id)
    assert (alert.state, alert.tier) == ("escalated", "national")
    assert [name for name in await world.history(id) if name == "alert.escalated"] == ["alert.escalated"] * 3


async def test_an_acknowledgement_ends_the_calling(world: World) -> None:
    await world.register()
    id = await world.publish(world.hazard())
    await world.settled(id)
    await world.notify.handlers.acknowledge(id, "duty officer", "on it", "api", None)
    world.clock.turn(hours=47)
    alert = await world.settled(id)
    assert alert.state == "acknowledged"
    assert len(world.receiver.taken) == 1


async def test_a_broken_promise_escalates_by_itself(world: World) -> None:
    await world.register()
    id = await world.publish(world.hazard())
    await world.settled(id)
    await world.notify.handlers.acknowledge(id, "duty officer", "on it", "api", world.clock() + timedelta(hours=2))
    world.clock.turn(hours=2)
    await world.told("prefecture")
    alert = await world.settled(id)
    assert (alert.state, alert.tier) == ("escalated", "prefecture")
    assert "alert.promise_broken" in await world.history(id)


async def test_a_cleared_hazard_closes_its_alert_and_tells_those_who_were_told(world: World) -> None:
    await world.register()
    id = await world.publish(world.hazard())
    await world.settled(id)
    await world.publish(world.clearing())
    messages = await world.told("county", 2)
    alert = await world.settled(id)
    assert (alert.state, alert.cleared, alert.steps) == ("closed", True, ())
    assert [message.state for message in messages] == ["open", "closed"]


async def test_an_old_hazard_is_recorded_and_not_sent(world: World) -> None:
    await world.register()
    id = await world.publish(world.hazard(caused_at=world.clock() - timedelta(hours=25)))
    alert = await world.until(lambda: world.alert(id), "the alert")
    world.clock.turn(days=3)
    assert (alert.sent, alert.steps) == (False, ())
    assert await world.history(id) == ["alert.opened"]
    assert world.receiver.tried == []


async def test_absent_tiers_are_passed_over_and_the_history_says_so(world: World) -> None:
    await world.register("prefecture", "national")
    id = await world.publish(world.hazard())
    await world.told("prefecture")
    await world.settled(id)
    world.clock.turn(hours=1)
    await world.told("national")
    await world.settled(id)
    (opened,), (escalated,) = await world.published("alert.opened"), await world.published("alert.escalated")
    assert opened.data.skipped == ("county",)
    assert escalated.data.skipped == ("province",)


async def test_an_unknown_unit_goes_to_the_nation_and_the_operators_after_a_while(world: World) -> None:
    await world.put("authorities", "national", authority("national", None, contact("national-1")))
    await world.caught_up(authorities="national")
    id = await world.publish(world.hazard(unit_id="nowhere"))
    await world.until(lambda: world.alert(id), "the alert")
    assert world.receiver.tried == []
    world.clock.turn(seconds=31)
    await world.told("national")
    await world.told("operators")
    assert (await world.settled(id)).told == ("national",)


async def test_the_same_hazard_again_changes_nothing(world: World) -> None:
    await world.register()
    hazard = world.hazard()
    id = await world.publish(hazard, hazard)
    await world.settled(id)
    await world.publish(hazard)
    await world.publish(world.hazard(subject="another"))
    await world.told("county", 2)
    assert len(await world.published("alert.opened")) == 2


async def test_a_rise_is_told_at_once_even_after_the_acknowledgement(world: World) -> None:
    await world.register()
    id = await world.publish(world.hazard())
    await world.settled(id)
    await world.notify.handlers.acknowledge(id, "duty officer", "", "api", None)
    await world.publish(world.worse("major_finding_overdue"))
    await world.told("province")
    alert = await world.settled(id)
    assert (alert.state, alert.severity) == ("acknowledged", "extreme")
    assert alert.promise_by == world.clock() + timedelta(hours=12)


async def test_a_failing_receiver_is_tried_again_with_the_same_message_id(world: World) -> None:
    await world.register()
    world.receiver.answers = [Sent("again", "HTTP 500"), Sent("again", "HTTP 429", timedelta(seconds=30))]
    id = await world.publish(world.hazard())
    await world.until(lambda: len(world.receiver.tried) == 1, "a first attempt")
    await world.settled(id)
    world.clock.turn(seconds=2)
    await world.until(lambda: len(world.receiver.tried) == 2, "a second attempt")
    await world.settled(id)
    world.clock.turn(seconds=29)
    assert len(world.receiver.tried) == 2
    world.clock.turn(seconds=1)
    await world.told("county")
    await world.settled(id)
    assert len({message.id for _, message in world.receiver.tried}) == 1
    (delivery,) = await world.stores.ledger.of_step(id, "first-1")
    assert [attempt.outcome for attempt in delivery.attempts] == ["again", "again", "delivered"]


async def test_the_next_contact_is_used_when_the_one_on_duty_fails_for_good(world: World) -> None:
    night = [{"days": "mon-sun", "from": "20:00", "to": "06:00"}]
    await world.put("authorities", "county", authority("county", None, contact("night", hours=night), contact("day")))
    await world.put("units", "linzi", {"name": {"zh": "临淄区", "en": "Linzi"}, "authority": "county"})
    await world.caught_up(units="linzi")
    world.receiver.always["county/day"] = Sent("failed", "HTTP 404")
    id = await world.publish(world.hazard())
    await world.told("county")
    await world.settled(id)
    assert [contact.id for contact, _ in world.receiver.tried] == ["day", "night"]


async def test_nobody_reached_at_the_county_escalates_without_waiting(world: World) -> None:
    await world.register()
    world.receiver.always["county/county-1"] = Sent("failed", "HTTP 410")
    await world.publish(world.hazard())
    (message,) = await world.told("prefecture")
    assert message.state == "escalated"


async def test_an_alert_can_be_read_with_its_history_through_the_api(world: World) -> None:
    await world.register()
    id = await world.publish(world.hazard())
    await world.settled(id)
    assert (await world.http.get("/v1/alerts", headers=ADMIN)).status_code == 403
    key = await world.sign_in(Role.NATIONAL)
    listed = (await world.http.get("/v1/alerts?state=open", headers=key)).json()
    assert [item["id"] for item in listed["items"]] == [id]
    answer = await world.http.post(f"/v1/alerts/{id}/ack", headers=key, json={"note": "on it", "promise_by": None})
    assert (answer.status_code, answer.json()["claimed_before"]) == (200, [])
    whole = (await world.http.get(f"/v1/alerts/{id}", headers=key)).json()
    assert [entry["event"] for entry in whole["history"]] == ["alert.opened", "alert.delivered", "alert.acknowledged"]


async def test_the_link_in_a_mail_acknowledges_by_post_alone(tmp_path: Path) -> None:
    async with World(settings(tmp_path), receiver=Receiver()) as world:
        await world.register(channel="email")
        id = await world.publish(world.hazard())
        (message,) = await world.told("county")
        await world.settled(id)
        path = "/ack/" + message.ack_url.rsplit("/", 1)[1]
        shown = await world.http.get(path)
        assert (shown.status_code, "<form" in shown.text) == (200, True)
        assert (await world.alert(id)).state == "open"
        done = await world.http.post(path, data={"note": "taken over"})
        assert done.status_code == 200
        assert (await world.alert(id)).answer.by == "county/county-1"


async def test_a_link_in_a_late_message_is_as_fresh_as_the_message(tmp_path: Path) -> None:
    async with World(settings(tmp_path)) as world:
        await world.register(channel="email")
        id = await world.publish(world.hazard("hazard_unit.level_2", subject="h-1"))
        await world.settled(id)
        for tier in ("prefecture", "province", "national"):
            world.clock.turn(days=1)
            await world.told(tier)
            await world.settled(id)
        link = next(message for message in world.receiver.to("national") if message.ack_url).ack_url
        shown = await world.http.get("/ack/" + str(link).rsplit("/", 1)[1])
        assert (shown.status_code, "<form" in shown.text) == (200, True)


async def test_times_among_the_facts_are_told_as_the_clock_on_the_wall_shows_them(world: World) -> None:
    await world.register(channel="email")
    facts = {"occurred_at": "2023-02-19T23:30:00+00:00", "place": "2023-02-19T23:30:00+00:00"}
    await world.publish(world.hazard("accident.ordinary", subject="a-1", facts=facts))
    (message,) = await world.told("county")
    assert "事故发生时间: 2023-02-20 07:30" in message.text
    assert "2023-02-20 07:30" in message.html
    assert "地点: 2023-02-19T23:30:00+00:00" in message.text
