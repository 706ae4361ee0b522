"""A person is erased from every record that names them; receipts, ids, answers and the log stay as they were."""

import asyncio
import json
import uuid
from datetime import timedelta

import pytest

from services.intake.erasing import erase
from services.intake.records import Erasure
from shared.receipts import public_keys, verify_chain
from tests.intake_world import E1, E2, World, hazard_unit, inspection

ZHANG = {"name": "张三丰", "position": "安全总监", "phone": "13800001111"}
LI = {"name": "李四光", "position": "经理", "phone": "13900002222"}
UNIT = hazard_unit(responsible={"principal": ZHANG, "technical": LI, "operational": ZHANG})


async def report(world: World) -> tuple[str, str]:
    """An inspection by Zhang, and a hazard unit of Zhang and Li: their submission ids."""
    ids = []
    for path, body in (("/v1/inspections", inspection(inspector=ZHANG, findings=("5",))), ("/v1/hazard-units", UNIT)):
        answer = await world.submit(path, E1, body, key=path)
        assert answer.status_code == 201, answer.text
        ids.append(answer.json()["submission_id"])
    await world.until_published()
    return ids[0], ids[1]


async def person_of(world: World, submission_id: str, place: int = 0) -> str:
    return str((await world.ok("GET", f"/v1/inspections/{submission_id}", "national"))["persons"][place])


async def kept(world: World) -> str:
    """All that the store holds of the enterprise's records."""
    listed = await world.ok("GET", f"/v1/inspections?enterprise_id={E1}&kind=", "national")
    found = [await world.adapters.submissions.get(uuid.UUID(each["submission_id"])) for each in listed["items"]]
    return repr(found) + b"".join(each.record for each in found if each is not None).decode()


async def test_nothing_of_the_person_is_left_and_the_others_are(world: World) -> None:
    inspected, declared = await report(world)
    zhang = await person_of(world, inspected)
    assert zhang == await person_of(world, declared)
    before = await kept(world)
    assert all(word in before for word in ZHANG.values())

    answer = await world.ok("DELETE", f"/v1/persons/{zhang}?reason=asked+for", "national")
    assert (answer["person_id"], answer["submissions"], answer["reason"]) == (zhang, 2, "asked for")

    left = await kept(world)
    assert [word for word in ZHANG.values() if word in left] == []
    assert all(word in left for word in LI.values())


async def test_the_exact_bytes_are_gone_and_the_answer_says_when_and_why(world: World) -> None:
    inspected, _ = await report(world)
    path = f"/v1/inspections/{inspected}"
    before = await world.ok("GET", path, E1)
    zhang = before["persons"][0]
    await world.ok("DELETE", f"/v1/persons/{zhang}?reason=asked", "admin")

    for language, words in (("en", "were erased on 2023-02-20"), ("zh-CN", "已于 2023-02-20")):
        gone = await world.call("GET", f"{path}/record", E1, accept_language=language)
        assert (gone.status_code, gone.headers["content-type"]) == (410, "application/problem+json")
        told = gone.json()
        assert words in told["detail"]
        assert "asked" in told["detail"]
        assert told["sha256"] == before["receipt"]["sha256"]
        assert [(each["person_id"], each["reason"]) for each in told["erased"]] == [(zhang, "asked")]
    assert await world.ok("GET", path, E1) == before | {"erased": told["erased"]}


async def test_chain_answers_and_findings_hold(world: World) -> None:
    inspected, _ = await report(world)
    chain = await world.ok("GET", f"/v1/receipts/{E1}", E1)
    first = await world.submit("/v1/inspections", E1, inspection(inspector=ZHANG, findings=("5",)), "/v1/inspections")
    zhang = await person_of(world, inspected)
    await world.ok("DELETE", f"/v1/persons/{zhang}?reason=asked")

    again = await world.submit("/v1/inspections", E1, inspection(inspector=ZHANG, findings=("5",)), "/v1/inspections")
    assert (again.status_code, again.json()) == (201, first.json())
    assert ZHANG["name"] not in await kept(world)
    assert await world.ok("GET", f"/v1/receipts/{E1}", E1) == chain
    following = await world.submit(
        "/v1/inspections",
        E1,
        inspection(checklist="mhd-2017-121", stage="self_inspection", supersedes_reason="once more"),
    )
    assert following.json()["seq"] == 3
    whole = (await world.ok("GET", f"/v1/receipts/{E1}", E1))["items"]
    keys = public_keys(await world.ok("GET", "/.well-known/receipt-keys.json", None))
    assert len(whole) == 3
    assert list(verify_chain(whole, keys)) == []
    page = await world.call("GET", f"/enterprises/{E1}", E1, accept="text/html")
    assert page.status_code == 200
    assert first.json()["findings"][0]["finding_id"] in page.text


async def test_the_page_says_of_a_record_that_it_is_gone(world: World) -> None:
    inspected, _ = await report(world)
    await world.ok("DELETE", f"/v1/persons/{await person_of(world, inspected)}?reason=asked")
    page = await world.call("GET", f"/enterprises/{E1}?lang=en", E1, accept="text/html")
    assert f"/v1/inspections/{inspected}/record" not in page.text
    assert page.text.count("erased") == 2


async def test_a_repeat_changes_nothing_and_a_new_submission_can_be_erased_too(world: World) -> None:
    inspected, _ = await report(world)
    zhang = await person_of(world, inspected)
    first = await world.ok("DELETE", f"/v1/persons/{zhang}?reason=asked")
    world.time.now += timedelta(hours=1)
    assert await world.ok("DELETE", f"/v1/persons/{zhang}?reason=again") == first
    body = inspection(E2, inspector=ZHANG)
    assert (await world.submit("/v1/inspections", E2, body)).status_code == 201
    third = await world.ok("DELETE", f"/v1/persons/{zhang}?reason=again")
    assert (third["submissions"], third["reason"]) == (3, "again")


async def test_an_erasure_broken_off_is_finished_by_the_next(world: World) -> None:
    inspected, _ = await report(world)
    zhang = await person_of(world, inspected)
    world.store_faults.fail(1)
    assert (await world.call("DELETE", f"/v1/persons/{zhang}?reason=asked")).status_code == 503
    assert (await world.ok("DELETE", f"/v1/persons/{zhang}?reason=asked"))["submissions"] == 2


async def test_two_persons_of_one_record_are_erased_at_the_same_moment(world: World) -> None:
    _, declared = await report(world)
    people = (await world.ok("GET", f"/v1/inspections/{declared}", E1))["persons"]
    assert len(people) == 2
    now = world.time.now
    await asyncio.gather(*(erase(world.parts.intake, Erasure(each, now, "k", "asked")) for each in people))
    left = await kept(world)
    assert [word for named in (ZHANG, LI) for word in named.values() if word in left] == []


async def test_who_erased_whom_when_and_why_is_on_record(world: World) -> None:
    inspected, declared = await report(world)
    zhang = await person_of(world, inspected)
    assert (await world.ok("GET", "/v1/audit/erasures"))["items"] == []
    await world.ok("DELETE", f"/v1/persons/{zhang}?reason=asked", "national")
    entries = (await world.ok("GET", "/v1/audit/erasures"))["items"]
    national = next(id for id, key in world.parts.book.registry.all("keys").items() if key["label"] == "national")
    told = {"person_id": zhang, "action": "erased", "by": national, "at": "2023-02-20T08:00:00.000Z", "reason": "asked"}
    assert {each["id"]: each["erasures"] for each in entries} == {inspected: [told], declared: [told]}


@pytest.mark.parametrize("who", ["county", "expert", "viewer", E1])
async def test_only_the_office_erases(world: World, who: str) -> None:
    inspected, _ = await report(world)
    zhang = await person_of(world, inspected)
    assert (await world.call("DELETE", f"/v1/persons/{zhang}?reason=x", who)).status_code == 403
    assert ZHANG["name"] in await kept(world)


async def test_an_unknown_person_is_not_found_and_a_reason_is_needed(world: World) -> None:
    unknown = await world.call("DELETE", "/v1/persons/p-0?reason=asked", accept_language="zh-CN")
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "没有提交记录涉及此人。")
    for query in ("", "?reason=", "?reason=+"):
        refused = await world.call("DELETE", f"/v1/persons/p-0{query}")
        assert refused.status_code == 422, query
        assert [each["pointer"] for each in refused.json()["errors"]] == ["query:reason"]


async def test_a_record_from_a_file_is_erased_alike(world: World) -> None:
    line = json.dumps(inspection(inspector=ZHANG), ensure_ascii=False).encode()
    headers = {"content_type": "application/x-ndjson", "Idempotency_Key": "b"}
    answer = await world.call("POST", "/v1/inspections/batch", E1, line + b"\n", **headers)
    assert answer.status_code == 200, answer.text
    listed = await world.ok("GET", "/v1/inspections", E1)
    zhang = await person_of(world, listed["items"][0]["submission_id"])
    await world.ok("DELETE", f"/v1/persons/{zhang}?reason=asked")
    assert ZHANG["phone"] not in await kept(world)
