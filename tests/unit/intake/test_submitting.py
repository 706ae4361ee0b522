"""Submitting an inspection through the API: receipts, idempotency, every error at once, scope."""

import base64
import hashlib
import uuid
from typing import Any

import pytest

from shared import receipts
from tests.intake_world import E1, E2, E3, FOREIGN, LINZI, World, hazard_unit, inspection


def codes(answer: Any) -> set[str]:
    return {error["code"] for error in answer.json()["errors"]}


async def test_an_inspection_is_answered_with_a_receipt_and_published(world: World) -> None:
    answer = await world.submit("/v1/inspections", E1, inspection(findings=["5"]))
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["seq"], told["status"]) == (1, "published")
    assert [finding["item"] for finding in told["findings"]] == ["5"]
    events = [event for event in world.inspections() if event.type.endswith("inspection.submitted.v1")]
    assert [event.data.submission_id for event in events] == [uuid.UUID(told["submission_id"])]
    assert (events[0].subject, events[0].key) == (E1, LINZI)
    assert "张三" not in world.bus.records("inspections.v1")[-1].value.decode()


async def test_the_receipt_signs_the_exact_bytes_and_links_to_the_one_before(world: World) -> None:
    body = b'{"b": 1,   "a":  2}'
    raw = httpx_json(inspection())
    first = (await world.submit("/v1/inspections", E1, raw)).json()
    second = (await world.submit("/v1/hazard-units", E1, hazard_unit())).json()
    assert first["receipt"]["sha256"] == hashlib.sha256(raw).hexdigest()
    assert second["receipt"]["prev"] == receipts.digest(first["receipt"])
    keys = receipts.public_keys(await world.ok("GET", "/.well-known/receipt-keys.json", None))
    assert receipts.verify_chain([first["receipt"], second["receipt"]], keys) == []
    chain = await world.ok("GET", f"/v1/receipts/{E1}", E1)
    assert chain["items"] == [first["receipt"], second["receipt"]]
    record = await world.call("GET", f"/v1/inspections/{first['submission_id']}/record", E1)
    assert record.content == raw
    assert body != raw


async def test_a_repeat_with_the_same_key_gets_the_first_answer_and_counts_once(world: World) -> None:
    first = await world.submit("/v1/inspections", E1, inspection(), "again")
    second = await world.submit("/v1/inspections", E1, inspection(), "again")
    assert first.json() == second.json()
    other = await world.submit("/v1/inspections", E1, inspection(inspected_on="2023-02-17"), "again")
    assert other.status_code == 422
    assert codes(other) == {"idempotency_key_reused"}
    missing = await world.call("POST", "/v1/inspections", E1, inspection())
    assert missing.status_code == 400


async def test_a_second_submission_needs_a_reason_and_supersedes_the_first(world: World) -> None:
    first = (await world.submit("/v1/inspections", E1, inspection())).json()
    refused = await world.submit("/v1/inspections", E1, inspection(inspected_on="2023-02-19"))
    assert codes(refused) == {"supersedes_reason_required"}
    second = await world.submit("/v1/inspections", E1, inspection(supersedes_reason="更正"))
    assert second.status_code == 201
    await world.until_published()
    assert str(world.inspections()[-1].data.supersedes) == first["submission_id"]


async def test_a_submission_tells_the_history_of_its_versions_with_their_reasons(world: World) -> None:
    first = (await world.submit("/v1/inspections", E1, inspection())).json()
    second = (await world.submit("/v1/inspections", E1, inspection(supersedes_reason="更正"))).json()
    await world.submit("/v1/inspections", E1, inspection(drill=True))
    told = await world.ok("GET", f"/v1/inspections/{first['submission_id']}", "county")
    assert told["superseded_by"] == second["submission_id"]
    assert [(each["submission_id"], each["supersedes_reason"]) for each in told["versions"]] == [
        (first["submission_id"], None),
        (second["submission_id"], "更正"),
    ]
    assert {each["submitted_by"] for each in told["versions"]} == {f"enterprise:{E1}"}
    latest = await world.ok("GET", f"/v1/inspections/{second['submission_id']}", E1)
    assert (latest["supersedes"], latest["superseded_by"]) == (first["submission_id"], None)


async def test_the_audit_trail_says_who_submitted_what_and_nothing_of_what_it_says(world: World) -> None:
    taken = [(await world.submit("/v1/hazard-units", E1, hazard_unit(hazard_unit_id=f"H{n}"))).json() for n in range(3)]
    first = await world.ok("GET", "/v1/audit/submissions?limit=2", "admin")
    rest = await world.ok("GET", f"/v1/audit/submissions?limit=2&cursor={first['next_cursor']}", "admin")
    listed = [*first["items"], *rest["items"]]
    assert {each["id"] for each in listed} == {each["submission_id"] for each in taken}
    issued = [each for each in (await world.ok("GET", "/v1/audit?limit=500"))["items"] if each["kind"] == "keys"]
    assert {each["by"] for each in listed} <= {each["id"] for each in issued}
    assert "substances" not in str(listed)


BEFORE_TIME = b'{"at": "0001-01-01T00:00:00+23:59", "id": "y"}'
CURSORS = (
    b"{}",
    BEFORE_TIME,
    b'{"at": "x", "id": "y"}',
    b'{"at": "2023-02-20T08:00:00", "id": "y"}',
    b'{"seq": "a"}',
    b'{"seq": %d}' % 10**400,
    b'{"revision": -1}',
    b"[]",
)


@pytest.mark.parametrize("cursor", CURSORS)
@pytest.mark.parametrize("path", ["/v1/inspections", f"/v1/receipts/{E1}", "/v1/audit", "/v1/audit/submissions"])
async def test_a_cursor_of_another_list_is_400(world: World, path: str, cursor: bytes) -> None:
    text = base64.urlsafe_b64encode(cursor).decode().rstrip("=")
    answer = await world.call("GET", f"{path}?cursor={text}", "admin" if "audit" in path else E1)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:keycounty:problem:cursor")


async def test_every_error_comes_at_once_with_pointer_code_and_text(world: World) -> None:
    wrong = inspection(E1, checklist="mhd-2017-121", stage="re_examination")
    wrong["results"] = [each for each in wrong["results"] if each["item"] != "7"] + [
        {"item": "99", "outcome": "conform"}
    ]
    wrong["results"][0] = {"item": "1", "outcome": "finding", "grade": "ordinary", "due_on": "2023-01-01"}
    wrong["grading"]["deductions"]["77.7"] = 3
    answer = await world.submit("/v1/inspections", E1, wrong, accept_language="en")
    assert answer.status_code == 422
    assert {(error["pointer"], error["code"]) for error in answer.json()["errors"]} == {
        ("/results", "item_not_answered"),
        ("/results/19/item", "unknown_item"),
        ("/results/0/grade", "every_finding_is_major"),
        ("/results/0/due_on", "due_before_inspection"),
        ("/grading/deductions/77.7", "unknown_grading_item"),
        ("/stage", "stage_not_for_role"),
    }
    chinese = await world.submit("/v1/inspections", E1, wrong, accept_language="zh-CN")
    assert "第 7 项未作答" in chinese.text
    assert await world.adapters.submissions.get(uuid.uuid4()) is None
    assert (await world.ok("GET", "/v1/inspections", E1))["items"] == []


async def test_a_day_that_nobody_can_reckon_with_is_refused_at_the_door(world: World) -> None:
    """Scoring adds days to due dates: an accepted one must not stop it."""
    wrong = inspection(E1, findings=("5",))
    wrong["results"][4]["due_on"] = "9999-12-31"
    answer = await world.submit("/v1/inspections", E1, wrong)
    assert codes(answer) == {"too_large"}
    assert answer.json()["errors"][0]["pointer"] == "/results/4/due_on"
    wrong["results"][4]["due_on"] = "2199-12-31"
    assert (await world.submit("/v1/inspections", E1, wrong)).status_code == 201


async def test_what_stands_against_a_body_is_named(world: World) -> None:
    assert codes(await world.submit("/v1/inspections", E3, inspection(E3))) == {"not_enrolled"}
    assert codes(await world.submit("/v1/inspections", E1, inspection(round_id="2023-2"))) == {"unknown_round"}
    assert codes(await world.submit("/v1/inspections", E1, inspection(unit_id="fangshan"))) == {
        "unit_mismatch",
        "not_enrolled",
    }
    assert codes(await world.submit("/v1/inspections", E1, inspection(inspected_on="2023-03-01"))) == {"in_future"}
    assert codes(await world.submit("/v1/inspections", E1, inspection(E1[:-1] + "?"))) >= {"uscc_characters"}
    world.time.now = world.time.now.replace(month=1)
    assert "window_not_open" in codes(await world.submit("/v1/inspections", E1, inspection(inspected_on="2023-01-10")))
    world.time.now = world.time.now.replace(month=4)
    assert codes(await world.submit("/v1/inspections", E1, inspection())) == {"late_reason_required"}
    late = await world.submit("/v1/inspections", E1, inspection(late_reason="系统故障"))
    assert late.status_code == 201
    await world.until_published()
    inspected = [each for each in world.inspections() if each.type.endswith("inspection.submitted.v1")]
    assert inspected[-1].data.late is True


async def test_out_of_scope_reads_404_and_a_malformed_body_422_before_it(world: World) -> None:
    assert (await world.submit("/v1/inspections", E1, inspection(E2))).status_code == 404
    assert (await world.submit("/v1/inspections", E1, inspection(E2, results=[]))).status_code == 422
    assert (
        await world.submit("/v1/inspections", "county", inspection(FOREIGN, stage="re_examination"))
    ).status_code == 404
    assert (await world.submit("/v1/inspections", "viewer", inspection())).status_code == 403
    assert (await world.call("POST", "/v1/inspections", None, inspection())).status_code == 401
    taken = (await world.submit("/v1/inspections", E1, inspection())).json()["submission_id"]
    for who, status in (
        ("county", 200),
        (E1, 200),
        (E2, 404),
        ("other-county", 404),
        ("national", 200),
        ("viewer", 403),
    ):
        assert (await world.call("GET", f"/v1/inspections/{taken}", who)).status_code == status, who


async def test_county_and_expert_submit_their_own_stages(world: World) -> None:
    county = await world.submit("/v1/inspections", "county", inspection(stage="re_examination"))
    expert = await world.submit("/v1/inspections", "expert", inspection(stage="expert_verification"))
    assert (county.json()["seq"], expert.json()["seq"]) == (1, 2)


async def test_a_dry_run_stores_nothing_and_says_what_the_real_one_would(world: World) -> None:
    good = await world.submit("/v1/inspections?dry_run=true", E1, inspection())
    assert (good.status_code, good.json()) == (200, {"valid": True})
    assert (await world.ok("GET", f"/v1/receipts/{E1}", E1))["items"] == []
    bad = await world.submit("/v1/inspections?dry_run=true", E3, inspection(E3))
    assert codes(bad) == {"not_enrolled"}


async def test_the_worked_figures_of_hazard_units(world: World) -> None:
    mixed = await world.ok("POST", "/v1/hazard-units/assess", E1, hazard_unit())
    assert (mixed["s"], mixed["r"], mixed["level"]) == (1.5, 7.5, 4)
    chlorine = {"exposed_population": 100, "substances": [{"seq": 12, "quantity_t": 250}]}
    assert (await world.ok("POST", "/v1/hazard-units/assess", E1, chlorine))["r"] == 400
    small = {"exposed_population": 100, "substances": [{"seq": 12, "quantity_t": 1}]}
    assert (await world.ok("POST", "/v1/hazard-units/assess", E1, small))["level"] is None
    nothing = await world.call(
        "POST", "/v1/hazard-units/assess", E1, {"exposed_population": 1, "substances": [{"name": "x", "quantity_t": 1}]}
    )
    assert codes(nothing) == {"seq_or_class_required"}


async def test_a_broker_that_is_away_does_not_stop_intake(world: World) -> None:
    world.bus.away = True
    answers = [
        (await world.submit("/v1/hazard-units", E1, hazard_unit(hazard_unit_id=f"HU-{n}"))).json() for n in range(3)
    ]
    assert [answer["status"] for answer in answers] == ["queued"] * 3
    world.bus.away = False
    await world.until_published()
    assert [event.data.seq for event in world.inspections() if event.subject == E1] == [1, 2, 3]


async def test_a_store_that_is_away_is_503_and_nothing_is_half_done(world: World) -> None:
    world.store_faults.down = True
    answer = await world.submit("/v1/inspections", E1, inspection(), "later")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    world.store_faults.down = False
    again = await world.submit("/v1/inspections", E1, inspection(), "later")
    assert (again.status_code, again.json()["seq"]) == (201, 1)


def httpx_json(body: Any) -> bytes:
    import json

    return json.dumps(body, ensure_ascii=False, indent=1).encode()


async def test_a_body_wrong_in_form_hears_of_the_rules_too(world: World) -> None:
    body = inspection(inspected_on="2023-02-30", enterprise_id=E1, round_id="2099-1", drill="perhaps")
    for path in ("/v1/inspections", "/v1/inspections?dry_run=true"):
        answer = await world.submit(path, E1, body)
        assert answer.status_code == 422
        assert {"not_date", "not_boolean", "unknown_round"} <= codes(answer)


async def test_one_bad_result_does_not_hide_what_is_wrong_with_the_others(world: World) -> None:
    body = inspection()
    body["results"][0]["outcome"] = "perhaps"
    body["results"][1]["item"] = "99"
    body["results"][2]["grade"] = "major"
    answer = await world.submit("/v1/inspections", E1, body)
    found = {(error["pointer"], error["code"]) for error in answer.json()["errors"]}
    assert ("/results/0/outcome", "not_one_of") in found
    assert ("/results/1/item", "unknown_item") in found
    assert ("/results/2/grade", "grade_without_finding") in found
    assert any(code == "item_not_answered" for _, code in found)


async def test_of_a_bad_body_out_of_scope_the_registry_is_not_told(world: World) -> None:
    answer = await world.submit("/v1/inspections", E1, inspection(FOREIGN, drill="perhaps", round_id="2099-1"))
    assert codes(answer) == {"not_boolean"}
