"""The national office opens a round, enrols, decides a class with its reason, and issues keys."""

import pytest
from playwright.sync_api import expect

from tests.browser.intake.opening import OpenPage
from tests.intake_site import ServedIntake
from tests.intake_world import E1, E2, E3

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_round_is_opened_with_its_windows_and_closed(open_page: OpenPage, site: ServedIntake) -> None:
    with open_page("national", "/rounds/new") as page:
        page.fill("#number", "2")
        for stage in ("self_inspection", "re_examination", "expert_verification"):
            page.fill(f'[data-pointer="/windows/{stage}/from"]', "2023-08-01")
            page.fill(
                f'[data-pointer="/windows/{stage}/to"]', "2023-07-01" if stage == "re_examination" else "2023-09-01"
            )
        page.click("[data-add=tasks]")
        page.fill("#tasks [data-key=id]", "t1")
        page.fill("#tasks [data-key=name]", "双重预防机制")
        page.get_by_role("button", name="Open the round", exact=True).click()
        expect(page.locator('[data-pointer="/windows/re_examination/to"]')).to_be_focused()
        page.fill('[data-pointer="/windows/re_examination/to"]', "2023-09-01")
        page.get_by_role("button", name="Open the round", exact=True).click()
        page.wait_for_url("**/rounds/2023-2")
        assert site.ok("GET", "/v1/registry/rounds/2023-2")["key_tasks"] == [{"id": "t1", "name": "双重预防机制"}]
        page.click("#turn")
        expect(page.locator("h1")).to_contain_text("closed")
    assert site.ok("GET", "/v1/registry/rounds/2023-2")["status"] == "closed"


def test_saving_a_round_leaves_what_was_not_touched_as_it_was(open_page: OpenPage, site: ServedIntake) -> None:
    before = site.ok("GET", "/v1/registry/rounds/2023-1")
    with open_page("national", "/rounds/2023-1", lang="zh-CN") as page:
        with page.expect_response("**/v1/registry/rounds/2023-1") as saved:
            page.get_by_role("button", name="保存轮次").click()
        assert saved.value.status == 200
    after = site.ok("GET", "/v1/registry/rounds/2023-1")
    assert {**after, "revision": 0} == {**before, "revision": 0}


def test_a_class_is_changed_only_with_a_name_and_a_reason(open_page: OpenPage, site: ServedIntake) -> None:
    with open_page("national", "/rounds/2023-1/units/linzi") as page:
        page.select_option("#class", "comprehensive")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#decided_by")).to_be_focused()
        expect(page.locator(".error li")).to_have_count(2)
        page.fill("#decided_by", "国家专班")
        page.fill("#reason", "连续两轮短板未改善")
        page.click("#all")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("p[role=status]")).to_have_text("Saved.")
    enrolment = site.ok("GET", "/v1/registry/enrolments/2023-1:linzi")
    assert enrolment["guidance_class"] == "comprehensive"
    assert enrolment["reason"] == "连续两轮短板未改善"
    assert set(enrolment["enterprises"]) == {E1, E2, E3}


def test_a_change_made_meanwhile_is_not_overwritten(open_page: OpenPage, site: ServedIntake) -> None:
    with open_page("national", "/rounds/2023-1/units/fangshan") as page:
        other = site.ok("GET", "/v1/registry/enrolments/2023-1:fangshan")
        site.ok("PUT", "/v1/registry/enrolments/2023-1:fangshan", "admin", {**other, "expert_target": 7})
        with page.expect_response("**/v1/registry/enrolments/*") as refused:
            page.get_by_role("button", name="Save").click()
        assert refused.value.status == 412
        expect(page.locator(".error")).to_contain_text("Somebody changed this meanwhile")
    assert site.ok("GET", "/v1/registry/enrolments/2023-1:fangshan")["expert_target"] == 7


def test_a_key_is_shown_once_and_can_be_revoked(open_page: OpenPage, site: ServedIntake) -> None:
    with open_page("county", "/keys") as page:
        page.fill("#label", "新安全员")
        page.fill("#enterprises", E3)
        page.get_by_role("button", name="Issue a key").click()
        key = page.locator("#new-key")
        expect(key).to_contain_text("kc_")
        site.world.keys["fresh"] = key.inner_text()
        site.ok("GET", "/v1/checklists", "fresh")
        page.get_by_role("link", name="I have kept it").click()
        revoke = page.get_by_role("row", name="新安全员").get_by_role("button")
        revoke.click()
        revoke.click()
        expect(page.get_by_role("row", name="新安全员")).to_contain_text("revoked")
    assert site.run(site.world.call("GET", "/v1/checklists", "fresh")).status_code == 401
