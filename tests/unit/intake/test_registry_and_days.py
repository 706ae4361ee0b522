"""The registry through the API, and what its changes and the passing of days put on the bus."""

import asyncio
from datetime import date, timedelta
from typing import Any

from tests.intake_world import E1, E2, E3, FANGSHAN, FOREIGN, LINZI, World, inspection, round_body


def of(world: World, name: str) -> list[Any]:
    return [event for event in world.inspections() if event.type == f"keycounty.{name}.v1"]


async def until(condition: Any, timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


def codes(answer: Any) -> set[str]:
    return {error["code"] for error in answer.json()["errors"]}


def enrolment(*codes_: str, **changes: Any) -> dict[str, Any]:
    return {"round_id": "2023-1", "unit_id": LINZI, "guidance_class": "improvement", "enterprises": codes_} | changes


async def test_an_object_is_put_read_changed_and_deleted(bare_world: World) -> None:
    world = bare_world
    unit = {"name": {"zh": "临淄区", "en": "Linzi"}, "kind": "district", "authority": None}
    created = await world.call("PUT", "/v1/registry/units/linzi", "admin", unit)
    assert created.status_code == 201
    read = await world.call("GET", "/v1/registry/units/linzi")
    assert (read.json()["name"], read.headers["etag"]) == (unit["name"] | {}, created.headers["etag"])
    back = await world.call("PUT", "/v1/registry/units/linzi", "admin", read.json(), if_match=read.headers["etag"])
    assert back.status_code == 200
    stale = await world.call("PUT", "/v1/registry/units/linzi", "admin", unit, if_match=read.headers["etag"])
    assert (stale.status_code, stale.json()["detail"]) == (412, "对象已不是 If-Match 所指的版本，请重新读取。")
    known = await world.call("PUT", "/v1/registry/units/linzi", "admin", unit, if_none_match="*")
    assert (known.status_code, known.json()["detail"]) == (412, "该对象已存在。")
    assert (await world.call("DELETE", "/v1/registry/units/linzi")).status_code == 204
    assert (await world.call("GET", "/v1/registry/units/linzi")).status_code == 404
    await until(lambda: len(world.bus.records("registry.v1")) == 3)


async def test_everything_wrong_with_an_object_is_said_at_once(world: World) -> None:
    wrong = {"year": 2023, "number": "x", "windows": {"self_inspection": {"from": "2023-02-20", "to": 5}}, "extra": 1}
    answer = await world.call("PUT", "/v1/registry/rounds/2023-1", "admin", wrong)
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert pointers == {"/number", "/windows/self_inspection/to", "/extra"}
    dangling = await world.call(
        "PUT", "/v1/registry/enterprises/91370305MA3KEY0T17", "admin", {"name": "x", "unit_id": "no"}
    )
    assert codes(dangling) == {"uscc_check_digit", "unknown_reference"}
    foreign = await world.call("PUT", f"/v1/registry/enrolments/2023-1:{LINZI}", "admin", enrolment(E1, FOREIGN, E1))
    assert codes(foreign) == {"unit_mismatch", "twice"}


async def test_what_is_referred_to_cannot_be_deleted(world: World) -> None:
    answer = await world.call("DELETE", f"/v1/registry/units/{LINZI}")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:keycounty:problem:referenced")
    assert answer.json()["detail"].startswith("仍被以下对象引用：")


async def test_a_changed_guidance_class_needs_who_and_why(world: World) -> None:
    changed = enrolment(E1, guidance_class="comprehensive")
    answer = await world.call("PUT", f"/v1/registry/enrolments/2023-1:{LINZI}", "admin", changed)
    assert codes(answer) == {"decided_by_required", "decision_reason_required"}


async def test_targets_and_secrets_are_write_only_and_sealed(world: World) -> None:
    contact = {"id": "c1", "channel": "webhook", "target": "https://duty.example/hook", "secret": "whsec_x"}
    authority = {"name": {"zh": "县"}, "tier": "county", "parent": "national", "contacts": [contact]}
    put = await world.call("PUT", "/v1/registry/authorities/county-linzi", "admin", authority)
    assert "duty.example" not in put.text
    assert "whsec_x" not in put.text
    again = await world.call("PUT", "/v1/registry/authorities/county-linzi", "admin", put.json())
    assert again.status_code == 200
    told = b"authorities/county-linzi"
    await until(lambda: [delivery.key for delivery in world.bus.records("registry.v1")].count(told) == 3)
    from shared.secrets import unseal

    puts = [delivery.event().data for delivery in world.bus.records("registry.v1")]
    latest = max((put for put in puts if put.id == "county-linzi"), key=lambda put: put.revision)
    assert unseal(b"k" * 32, latest.object["contacts"][0]["target"]) == "https://duty.example/hook"
    assert not any(b"duty.example" in (delivery.value or b"") for delivery in world.bus.records("registry.v1"))


async def test_each_put_of_round_or_enrolment_opens_the_round_whole_for_each_unit(world: World) -> None:
    await until(lambda: len(of(world, "round.opened")) == 2)
    first = next(event.data for event in of(world, "round.opened") if event.key == LINZI)
    assert (first.enterprises, first.team_id, len(first.windows)) == ((E1, E2), "team-1", 3)
    assert {ref.id for ref in first.rule_sets} >= {"unit-index", "gb18218-2018"}
    await world.put("rounds", "2023-1", round_body(key_tasks=[]))
    await until(lambda: len(of(world, "round.opened")) == 4)
    await world.put("enrolments", f"2023-1:{LINZI}", enrolment(E1))
    await until(lambda: len(of(world, "round.opened")) == 5)
    opened = [event.data for event in of(world, "round.opened") if event.key == LINZI]
    assert [data.revision for data in opened] == sorted({data.revision for data in opened})
    assert opened[-1].enterprises == (E1,)


async def test_a_closed_round_is_told_to_each_unit(world: World) -> None:
    await world.put("rounds", "2023-1", round_body(status="closed"))
    await until(lambda: {event.key for event in of(world, "round.closed")} == {LINZI, FANGSHAN})


async def test_an_enterprise_that_moves_or_goes_is_withdrawn_from_its_unit(world: World) -> None:
    await world.put("enterprises", E3, {"name": "x", "unit_id": FANGSHAN})
    await world.ok("DELETE", f"/v1/registry/enterprises/{E3}")
    await until(
        lambda: [event.key for event in of(world, "enterprise.withdrawn")] in ([LINZI, FANGSHAN], [FANGSHAN, LINZI])
    )


async def test_a_day_starts_when_a_round_opens_and_missed_days_follow_in_order(world: World) -> None:
    await until(lambda: len(of(world, "day.started")) == 2)
    positions = [event.type.split(".")[-2] for event in world.inspections() if event.key == LINZI]
    assert positions.index("opened") < positions.index("started")
    world.time.now += timedelta(days=3)
    await until(lambda: len(of(world, "day.started")) == 8)
    days = [event.data.day for event in of(world, "day.started") if event.key == LINZI]
    assert days == [date(2023, 2, 20) + timedelta(days=ahead) for ahead in range(4)]
    assert len({event.id for event in of(world, "day.started")}) == 8


async def test_a_submission_is_published_after_the_opening_of_its_round(world: World) -> None:
    await until(lambda: len(of(world, "round.opened")) == 2)
    world.bus.away = True
    await world.put("enrolments", f"2023-1:{LINZI}", enrolment(E1, E3))
    queued = (await world.submit("/v1/inspections", E3, inspection(E3))).json()
    assert queued["status"] == "queued"
    world.bus.away = False
    await world.until_published()
    kinds = [(event.type.split(".")[-2], event.subject) for event in world.inspections() if event.key == LINZI]
    assert kinds[-1] == ("submitted", E3)
    assert kinds[-2][0] == "opened"


async def test_a_key_is_shown_once_counts_at_once_and_not_after_revocation(world: World) -> None:
    issued = await world.ok(
        "POST", "/v1/keys", "county", {"role": "enterprise", "scope": {"enterprises": [E3]}, "label": "x"}
    )
    world.keys["new"] = issued["key"]
    assert (await world.call("GET", f"/v1/receipts/{E3}", "new")).status_code == 200
    assert not any(issued["key"].encode() in (delivery.value or b"") for delivery in world.bus.records("registry.v1"))
    assert (await world.call("DELETE", f"/v1/keys/{issued['key_id']}", "other-county")).status_code == 404
    assert (await world.call("DELETE", f"/v1/keys/{issued['key_id']}", "county")).status_code == 204
    assert (await world.call("GET", f"/v1/receipts/{E3}", "new")).status_code == 401
    await until(
        lambda: any(
            put.kind == "keys" and put.object["revoked"]
            for put in (delivery.event().data for delivery in world.bus.records("registry.v1"))
        )
    )


async def test_nobody_issues_more_than_they_may(world: World) -> None:
    async def status(who: str, role: str, **scope: Any) -> int:
        return (await world.call("POST", "/v1/keys", who, {"role": role, "scope": scope})).status_code

    assert await status("county", "enterprise", enterprises=[FOREIGN]) == 422
    assert await status("county", "county", authority="county-linzi") == 403
    assert await status("national", "admin") == 403
    assert await status("national", "province", authority="national") == 201
    assert await status(E1, "enterprise", enterprises=[E1]) == 403
    assert await status("admin", "expert", team="nobody") == 422


async def test_a_county_registers_enterprises_of_its_own_units_only(world: World) -> None:
    async def status(code: str, unit: str) -> int:
        body = {"name": "x", "unit_id": unit}
        return (await world.call("PUT", f"/v1/registry/enterprises/{code}", "county", body)).status_code

    assert await status(E3, LINZI) == 200
    assert await status(FOREIGN, LINZI) == 404
    assert await status(E3, FANGSHAN) == 404
    assert (await world.call("PUT", "/v1/registry/rounds/2023-1", "county", round_body())).status_code == 403


async def test_lists_show_what_one_may_read_in_pages(world: World) -> None:
    first = await world.ok("GET", "/v1/registry/enterprises?limit=2", "county")
    rest = await world.ok("GET", f"/v1/registry/enterprises?limit=2&cursor={first['next_cursor']}", "county")
    assert [each["id"] for each in first["items"] + rest["items"]] == sorted([E1, E2, E3])
    assert rest["next_cursor"] is None
    own = await world.ok("GET", "/v1/registry/enterprises", E1)
    assert [each["id"] for each in own["items"]] == [E1]
    assert [each["id"] for each in (await world.ok("GET", "/v1/registry/units", E1))["items"]] == [LINZI]


async def test_the_audit_trail_names_who_did_what(world: World) -> None:
    trail = await world.ok("GET", "/v1/audit?limit=500", "admin")
    assert {"enterprises", "keys", "rounds"} <= {entry["kind"] for entry in trail["items"]}
    assert {entry["by"] for entry in trail["items"]} == {"first-admin"}
    assert "sha256" not in str(trail)
    assert (await world.call("GET", "/v1/audit", "national")).status_code == 403
