"""The other resources, evidence, and who may do what on every route."""

import hashlib
from typing import Any

import pytest

from tests.intake_world import E1, E2, LINZI, World, hazard_unit, inspection

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 100


def rectification(finding: str, **changes: Any) -> dict[str, Any]:
    return {
        "enterprise_id": E1,
        "unit_id": LINZI,
        "finding_id": finding,
        "action": "done",
        "on": "2023-02-19",
    } | changes


def accident(**changes: Any) -> dict[str, Any]:
    return {
        "enterprise_id": E1,
        "unit_id": LINZI,
        "occurred_at": "2023-02-19T10:00:00+08:00",
        "place": "罐区",
        "deaths": 0,
        "missing": 1,
        "serious_injuries": 0,
        "direct_loss_yuan": 0,
        "course": "",
        "measures": "",
        "supplement_to": None,
        "drill": False,
    } | changes


INSTALLATION = {
    "installation_id": "I-1",
    "enterprise_id": E1,
    "unit_id": LINZI,
    "commissioned_on": "1999-01-01",
    "design_life_years": 20,
    "treatment": None,
}
PARK = {"park_id": "park-1", "unit_id": LINZI, "score": 72.5, "assessed_on": "2023-02-01"}
TASK = {"round_id": "2023-1", "unit_id": LINZI, "task_id": "t1", "progress": 0.5, "on": "2023-02-10", "note": "x"}
GUIDANCE = {
    "round_id": "2023-1",
    "unit_id": LINZI,
    "team_id": "team-1",
    "kind": "visit",
    "on": "2023-02-10",
    "enterprises": [E1],
    "hours": 3,
    "people": 4,
    "text": "x",
}


def codes(answer: Any) -> set[str]:
    return {error["code"] for error in answer.json()["errors"]}


async def test_a_finding_is_put_right_step_by_step(world: World) -> None:
    finding = (await world.submit("/v1/inspections", E1, inspection(findings=["5"]))).json()["findings"][0][
        "finding_id"
    ]
    assert (await world.submit("/v1/rectifications", E1, rectification(finding))).status_code == 201
    assert codes(await world.submit("/v1/rectifications", E1, rectification(finding, action="verified"))) == {
        "action_not_for_role"
    }
    assert (
        await world.submit("/v1/rectifications", "county", rectification(finding, action="verified"))
    ).status_code == 201
    unknown = rectification("00000000-0000-0000-0000-000000000000")
    assert codes(await world.submit("/v1/rectifications", E1, unknown)) == {"unknown_finding"}
    extended = rectification(finding, action="extended")
    assert codes(await world.submit("/v1/rectifications", "expert", extended)) == {"due_on_required", "reason_required"}
    await world.until_published()
    assert [event.data.by for event in world.inspections() if event.type.endswith("reported.v1")] == [
        "enterprise",
        "county",
    ]


async def test_a_supplement_counts_under_the_first_report(world: World) -> None:
    first = (await world.submit("/v1/accidents", E1, accident(deaths=2, missing=1))).json()
    assert first["grade"] == "larger"  # missing persons count as dead
    second = await world.submit(
        "/v1/accidents", "county", accident(deaths=1, missing=0, supplement_to=first["accident_id"])
    )
    assert (second.json()["accident_id"], second.json()["grade"]) == (first["submission_id"], "ordinary")
    unknown = accident(supplement_to="00000000-0000-0000-0000-000000000000")
    assert codes(await world.submit("/v1/accidents", E1, unknown)) == {"unknown_accident"}
    assert codes(await world.submit("/v1/accidents", E1, accident(occurred_at="2023-02-19T10:00:00"))) == {
        "time_without_offset"
    }


async def test_what_was_declared_can_be_withdrawn_once(world: World) -> None:
    await world.submit("/v1/hazard-units", E1, hazard_unit())
    await world.submit("/v1/installations", E1, INSTALLATION)
    first = await world.ok("DELETE", "/v1/hazard-units/HU-1?reason=拆除", E1)
    assert first["seq"] == 3
    assert (await world.call("DELETE", "/v1/installations/I-1?reason=x", E1)).status_code == 200
    assert (await world.call("DELETE", "/v1/hazard-units/nothing", E1)).status_code == 404
    assert (await world.call("DELETE", "/v1/hazard-units/HU-1", "county")).status_code == 403
    await world.until_published()
    assert world.inspections()[-1].type == "keycounty.installation.withdrawn.v1"


async def test_unit_records_have_the_unit_as_subject(world: World) -> None:
    park = await world.submit("/v1/park-assessments", "county", PARK)
    task = await world.submit("/v1/key-task-progress", "county", TASK)
    guidance = await world.submit("/v1/guidance-records", "expert", GUIDANCE)
    assert [answer.json()["seq"] for answer in (park, task, guidance)] == [1, 2, 3]
    assert {answer.json()["receipt"]["subject"] for answer in (park, task, guidance)} == {LINZI}
    assert codes(await world.submit("/v1/key-task-progress", "county", TASK | {"task_id": "t9"})) == {
        "unknown_key_task"
    }
    assert codes(await world.submit("/v1/guidance-records", "expert", GUIDANCE | {"team_id": "t9"})) == {"unknown_team"}
    assert codes(await world.submit("/v1/park-assessments", "county", PARK | {"score": 101})) == {"too_large"}


async def test_evidence_is_kept_by_hash_and_read_through_a_submission(world: World) -> None:
    taken = await world.call("POST", "/v1/evidence", E1, PNG, content_type="image/png")
    assert taken.json()["sha256"] == hashlib.sha256(PNG).hexdigest()
    body = inspection(findings=["5"])
    body["results"][4]["evidence"] = [taken.json()["id"]]
    path = f"/v1/evidence/{taken.json()['sha256']}"
    assert (await world.call("GET", path, "county")).status_code == 404
    assert (await world.submit("/v1/inspections", E1, body)).status_code == 201
    read = await world.call("GET", path, "county")
    assert (read.content, read.headers["x-content-type-options"]) == (PNG, "nosniff")
    assert read.headers["content-disposition"].startswith("attachment")
    assert (await world.call("GET", path, E2)).status_code == 404
    body["results"][4]["evidence"] = ["sha256:" + "0" * 64]
    assert "unknown_evidence" in codes(await world.submit("/v1/inspections", E1, body))
    script = await world.call("POST", "/v1/evidence", E1, b"<script>", content_type="text/html")
    assert script.status_code == 415
    assert (await world.call("POST", "/v1/evidence", E1, b"<script>", content_type="image/png")).status_code == 415
    assert (
        await world.call("POST", "/v1/evidence", E1, b"0" * 21_000_000, content_type="image/png")
    ).status_code == 413


@pytest.mark.parametrize(
    ("media_type", "content", "status"),
    [
        ("image/webp", b"RIFF\x24\0\0\0WEBPVP8 ", 201),
        ("image/webp", b"RIFF\x24\0\0\0AVI LIST", 415),
        ("video/mp4", b"\0\0\0\x18ftypmp42\0\0\0\0", 201),
        ("video/mp4", b"\0\0\0\x18html<script>", 415),
        ("image/svg+xml", b"<svg/>", 415),
        ("application/pdf", b"", 415),
    ],
)
async def test_evidence_is_what_its_type_says(world: World, media_type: str, content: bytes, status: int) -> None:
    answer = await world.call("POST", "/v1/evidence", E1, content, content_type=media_type, accept_language="zh-CN")
    assert answer.status_code == status
    if status == 415:
        assert answer.json()["errors"][0]["code"] == "evidence_type"
        assert "文件" in answer.json()["errors"][0]["detail"]


async def test_what_is_wrong_around_a_body_is_said_in_the_callers_language(world: World) -> None:
    texts: dict[str, tuple[str, str]] = {}
    for language in ("en", "zh-CN"):
        missing = await world.call("POST", "/v1/hazard-units", E1, hazard_unit(), accept_language=language)
        assert (missing.status_code, codes(missing)) == (400, {"idempotency_key_required"})
        texts[language] = (missing.json()["detail"], missing.json()["title"])
    assert "Idempotency-Key" in texts["en"][0]
    assert texts["zh-CN"][1] == "请求有误"
    assert "请求头" in texts["zh-CN"][0]


SENDERS = {
    ("/v1/inspections", "self_inspection"): {E1},
    ("/v1/inspections", "re_examination"): {"county"},
    ("/v1/inspections", "expert_verification"): {"expert"},
    ("/v1/hazard-units", ""): {E1},
    ("/v1/installations", ""): {E1},
    ("/v1/accidents", ""): {E1, "county"},
    ("/v1/park-assessments", ""): {"county"},
    ("/v1/key-task-progress", ""): {"county"},
    ("/v1/guidance-records", ""): {"expert"},
}
BODIES = {
    "/v1/hazard-units": hazard_unit(),
    "/v1/installations": INSTALLATION,
    "/v1/accidents": accident(),
    "/v1/park-assessments": PARK,
    "/v1/key-task-progress": TASK,
    "/v1/guidance-records": GUIDANCE,
}
EVERYBODY = (E1, "county", "expert", "national", "admin", "viewer", "prefecture", "province", "other-county", E2)


@pytest.mark.parametrize(("path", "stage"), SENDERS, ids=lambda found: found or "-")
async def test_only_those_of_the_table_may_send(world: World, path: str, stage: str) -> None:
    await world.issue("prefecture", "prefecture", authority="national")
    await world.issue("province", "province", authority="national")
    for who in EVERYBODY:
        body = inspection(stage=stage) if stage else BODIES[path]
        status = (await world.submit(path, who, body)).status_code
        if who in SENDERS[path, stage]:
            assert status == 201, (who, path)
        else:
            assert status in (403, 404, 422), (who, path, status)
            assert status != 422 or stage, (who, path)


async def test_drills_are_marked_and_have_findings_of_their_own(world: World) -> None:
    real = (await world.submit("/v1/inspections", E1, inspection(findings=["5"]))).json()
    drill = (await world.submit("/v1/inspections", E1, inspection(findings=["5"], drill=True))).json()
    assert real["findings"][0]["finding_id"] != drill["findings"][0]["finding_id"]
    await world.until_published()
    assert world.inspections()[-1].data.drill is True


async def test_the_openapi_document_names_the_bodies(world: World) -> None:
    document = await world.ok("GET", "/openapi.json", None)
    assert "requestBody" in document["paths"]["/v1/inspections"]["post"]
