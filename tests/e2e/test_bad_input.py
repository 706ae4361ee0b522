"""What intake refuses, and how it says so: everything wrong at once, named, and nothing stored."""

from typing import Any

import pytest

from tests.system import ROUND, County, results, round_body

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


def codes(answer: Any) -> set[str]:
    return {error["code"] for error in answer.json["errors"]}


def test_a_wrong_body_gets_every_error_with_its_pointer_and_nothing_is_stored(county: County) -> None:
    enterprise = county.enterprises[5]
    wrong = county.inspection(enterprise, inspected_on="2023-13-45", stage="nonsense", results=results()[:18])
    wrong["results"][3]["outcome"] = "perhaps"
    wrong["grading"]["deductions"]["99.9"] = 1
    before = county.system.ok("GET", "intake", "/v1/inspections?limit=500", enterprise)["items"]
    answer = county.system.submit("/v1/inspections", enterprise, wrong)
    assert answer.status == 422
    assert answer.headers["content-type"].startswith("application/problem+json")
    pointers = {error["pointer"] for error in answer.json["errors"]}
    assert {"/inspected_on", "/stage", "/results/3/outcome"} <= pointers
    assert county.system.ok("GET", "intake", "/v1/inspections?limit=500", enterprise)["items"] == before


def test_the_idempotency_key_is_required_and_binds_the_body(county: County) -> None:
    system, enterprise = county.system, county.enterprises[5]
    body = county.inspection(enterprise)
    assert system.call("POST", "intake", "/v1/inspections", enterprise, body).status == 400
    first = system.submit("/v1/inspections", enterprise, body, "bound-key")
    again = system.submit("/v1/inspections", enterprise, body, "bound-key")
    assert (first.status, again.status) == (201, 201)
    assert first.json["receipt"] == again.json["receipt"]
    assert (
        system.submit("/v1/inspections", enterprise, body | {"inspected_on": "2023-02-16"}, "bound-key").status == 422
    )


def test_an_enterprise_that_is_not_enrolled_is_named_as_such(county: County) -> None:
    system, enterprise = county.system, county.enterprises[6]
    others = [code for code in county.enterprises if code != enterprise]
    path = f"/v1/registry/enrolments/{ROUND}:{county.unit}"
    system.ok("PUT", "intake", path, "admin", county.enrolment(enterprises=others))
    try:
        answer = system.submit("/v1/inspections", enterprise, county.inspection(enterprise))
        assert answer.status == 422
        assert "not_enrolled" in codes(answer)
    finally:
        system.ok("PUT", "intake", path, "admin", county.enrolment())


def test_a_window_that_has_not_opened_is_named_as_such(county: County) -> None:
    system, enterprise = county.system, county.enterprises[6]
    window = {"from": "2023-06-01T00:00:00+08:00", "to": "2023-07-01T00:00:00+08:00"}
    later = dict.fromkeys(("self_inspection", "re_examination", "expert_verification"), window)
    system.ok("PUT", "intake", "/v1/registry/rounds/2023-2", "admin", round_body(number=2, windows=later))
    answer = system.submit("/v1/inspections", enterprise, county.inspection(enterprise, round_id="2023-2"))
    assert answer.status == 422
    assert any("window" in code or code == "not_enrolled" for code in codes(answer))


def test_a_stage_that_does_not_fit_the_role_is_refused(county: County) -> None:
    enterprise = county.enterprises[6]
    answer = county.system.submit(
        "/v1/inspections", enterprise, county.inspection(enterprise, stage="expert_verification")
    )
    assert answer.status in (403, 422)
    assert "stage" in answer.body.decode()


def test_what_is_out_of_scope_reads_as_missing(county: County) -> None:
    mine, other = county.enterprises[6], county.enterprises[7]
    assert county.system.submit("/v1/inspections", mine, county.inspection(other)).status == 404
    assert county.system.call("GET", "intake", f"/v1/receipts/{other}", mine).status == 404


def test_a_key_that_does_not_count_is_401(county: County) -> None:
    county.system.keys["wrong"] = "kc_" + "0" * 64
    assert county.system.call("GET", "reporting", "/v1/units", "wrong").status == 401
