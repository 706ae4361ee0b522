"""An enterprise's officer, a county and an expert fill in the form of an inspection."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.intake.opening import OpenPage
from tests.intake_site import ServedIntake
from tests.intake_world import E1, E2, LINZI, inspection

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 200


def form(enterprise: str, checklist: str = "mhd-2017-121", *, drill: bool = False) -> str:
    return f"/fill?round_id=2023-1&enterprise_id={enterprise}&checklist={checklist}" + ("&drill=1" if drill else "")


def answer(page: Page, item: str, outcome: str) -> None:
    page.check(f'fieldset[data-item="{item}"] [value={outcome}]')


def tab_to(page: Page, selector: str, most: int = 120) -> None:
    """Presses Tab until the element has the focus, as somebody without a mouse does."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not lead to {selector}")


def stored(site: ServedIntake, enterprise: str) -> list[dict]:
    """The bodies of an enterprise's inspections as they were sent, the latest first."""
    found = site.ok("GET", f"/v1/inspections?enterprise_id={enterprise}", "national")["items"]
    listed = sorted(found, key=lambda each: each["seq"], reverse=True)
    return [site.ok("GET", f"/v1/inspections/{each['submission_id']}/record", "national") for each in listed]


@pytest.fixture
def waiting(open_page: OpenPage) -> Iterator[Page]:
    """The form of an enterprise, with its draft's clock not yet run."""
    with open_page(E2, form(E2)) as page:
        yield page


def test_errors_stand_at_their_fields_and_the_first_has_the_focus(waiting: Page) -> None:
    page = waiting
    for item in range(3, 21):
        answer(page, str(item), "conform")
    answer(page, "5", "finding")
    page.fill('fieldset[data-item="5"] [data-field=due_on]', "2023-01-02")
    page.fill("#inspected_on", "2023-02-19")
    page.click("#send")
    expect(page.locator("#wrong")).to_contain_text("3 things are not right yet")
    assert page.evaluate("document.activeElement.closest('fieldset').dataset.item") == "1"
    for item in ("1", "2"):
        expect(page.locator(f'fieldset[data-item="{item}"] .wrong')).to_contain_text(f"Item {item} of")
    expect(page.locator('fieldset[data-item="5"] .wrong')).to_contain_text("before the inspection")
    described = page.get_attribute('fieldset[data-item="5"] [data-field=due_on]', "aria-describedby")
    assert described
    assert "2023-01-02" in page.inner_text(f"#{described.strip()}")


def test_an_error_of_form_stands_at_its_field_too(waiting: Page) -> None:
    waiting.click("#rest")
    waiting.fill("#position", "Safety officer")
    waiting.click("#check")
    expect(waiting.locator("#inspector")).to_be_focused()
    expect(waiting.locator("#inspector")).to_have_attribute("aria-invalid", "true")


def test_a_draft_outlives_a_reload_and_can_be_discarded(open_page: OpenPage) -> None:
    with open_page(E2, form(E2, "general-78")) as page:
        answer(page, "1.1", "finding")
        page.fill('fieldset[data-item="1.1"] [data-field=description]', "阀门渗漏")
        page.fill("#inspector", "李四")
        expect(page.locator("#kept")).to_contain_text("Draft kept")
        page.reload()
        expect(page.locator("#source")).to_contain_text("Your draft of")
        expect(page.locator('fieldset[data-item="1.1"] [data-field=description]')).to_have_value("阀门渗漏")
        expect(page.locator("#inspector")).to_have_value("李四")
        expect(page.locator("#count")).to_have_text("1 of 36 items answered")
        page.click("#discard")
        page.reload()
        expect(page.locator("#count")).to_have_text("0 of 36 items answered")
        expect(page.locator("#inspector")).to_have_value("")


def test_the_keyboard_alone_submits_and_the_receipt_can_be_kept(open_page: OpenPage, site: ServedIntake) -> None:
    with open_page(E1, form(E1)) as page:
        tab_to(page, "#inspector")
        page.keyboard.type("王五")
        tab_to(page, "#rest")
        page.keyboard.press("Enter")
        tab_to(page, 'fieldset[data-item="5"] [value=conform]')
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.dataset.field") == "ref"
        page.keyboard.type("TF-2")
        # The dialog that chooses a file belongs to the browser.
        file = {"name": "tank.png", "mimeType": "image/png", "buffer": PNG}
        page.set_input_files('fieldset[data-item="5"] [type=file]', file)
        expect(page.locator(".files")).to_contain_text("tank.png is uploaded")
        tab_to(page, "#grading summary")
        page.keyboard.press("Enter")
        tab_to(page, '[data-pointer="/grading/deductions/1.1"]')
        page.keyboard.type("4.5")
        tab_to(page, "#check")
        page.keyboard.press("Enter")
        expect(page.locator("#said")).to_contain_text("everything is in order")
        assert stored(site, E1) == []
        tab_to(page, "#send")
        page.keyboard.press("Enter")
        expect(page.locator("#receipt")).to_be_visible()
        assert page.evaluate("document.activeElement.id") == "receipt"
        tab_to(page, "[data-receipt=download]")
        with page.expect_download() as download:
            page.keyboard.press("Enter")
        kept = json.loads(download.value.path().read_text())
        assert download.value.suggested_filename == f"receipt-{E1}-1.json"
    (record,) = stored(site, E1)
    (finding,) = (result for result in record["results"] if result["outcome"] == "finding")
    assert (finding["item"], finding["ref"]) == ("5", "TF-2")
    assert finding["evidence"][0].startswith("sha256:")
    assert record["grading"] == {"deductions": {"1.1": 4.5}, "bonuses": {}, "direct_red": []}
    assert record["inspector"] == {"name": "王五", "position": None}
    chain = site.ok("GET", f"/v1/receipts/{E1}", "national")
    assert chain["items"] == [kept["receipt"]]


def test_a_repeat_after_a_lost_answer_counts_once(open_page: OpenPage, site: ServedIntake) -> None:
    before = len(stored(site, E2))
    with open_page(E2, form(E2, drill=True)) as page:
        page.click("#rest")
        page.route("**/v1/inspections", lambda route: (route.fetch(), route.abort()))
        page.click("#send")
        expect(page.locator("#wrong")).to_contain_text("Nothing is lost")
        assert len(stored(site, E2)) == before + 1
        page.unroute("**/v1/inspections")
        page.click("#send")
        expect(page.locator("#receipt")).to_be_visible()
        page.goto(page.url)
    assert len(stored(site, E2)) == before + 1


def test_a_second_submission_starts_from_the_first_and_needs_a_reason(open_page: OpenPage, site: ServedIntake) -> None:
    site.submit("/v1/inspections", E2, inspection(E2, findings=("7",)))
    with open_page(E2, form(E2)) as page:
        expect(page.locator("#source")).to_contain_text("earlier submission")
        answer(page, "7", "conform")
        page.click("#send")
        expect(page.locator("#supersedes_reason")).to_be_focused()
        page.fill("#supersedes_reason", "整改完成")
        page.click("#send")
        expect(page.locator("#receipt")).to_be_visible()
    assert stored(site, E2)[0]["supersedes_reason"] == "整改完成"


@pytest.mark.parametrize(("who", "stage"), [("county", "re_examination"), ("expert", "expert_verification")])
def test_a_later_stage_starts_from_the_answers_of_the_earlier_one(
    open_page: OpenPage, site: ServedIntake, who: str, stage: str
) -> None:
    site.submit("/v1/inspections", E1, inspection(E1, findings=("9",), supersedes_reason="复查"))
    with open_page(who, form(E1)) as page:
        expect(page.locator("#source")).to_contain_text("answers of the stage before")
        expect(page.locator('fieldset[data-item="9"] .earlier').first).to_contain_text("Finding")
        page.fill('fieldset[data-item="9"] [data-field=due_on]', "2023-03-20")
        answer(page, "4", "finding")
        page.click("#send")
        expect(page.locator("#receipt")).to_be_visible()
    record = next(each for each in stored(site, E1) if each["stage"] == stage)
    assert record["unit_id"] == LINZI
    assert {result["item"] for result in record["results"] if result["outcome"] == "finding"} == {"4", "9"}
    assert next(result for result in record["results"] if result["item"] == "9")["due_on"] == "2023-03-20"


def test_chinese_errors_come_in_chinese(open_page: OpenPage) -> None:
    with open_page(E2, form(E2, "general-78"), lang="zh-CN", width=390) as page:
        page.click("#rest")
        answer(page, "1.1", "finding")
        page.click("#send")
        expect(page.locator("#wrong")).to_contain_text("有 2 处需要修改")
        expect(page.locator('fieldset[data-item="1.1"] .wrong').first).to_contain_text("隐患须分级")
        assert page.evaluate("document.activeElement.dataset.field") == "grade"


def test_after_the_window_a_reason_is_asked_for(open_page: OpenPage, site: ServedIntake) -> None:
    in_time = site.world.time.now
    site.world.time.now = in_time + timedelta(days=30)
    try:
        with open_page(E2, form(E2, "general-78")) as page:
            expect(page.locator("#late_reason")).to_be_visible()
            page.click("#rest")
            page.click("#send")
            expect(page.locator("#late_reason")).to_be_focused()
            page.fill("#late_reason", "停产检修")
            page.click("#send")
            expect(page.locator("#receipt")).to_be_visible()
    finally:
        site.world.time.now = in_time
    assert stored(site, E2)[0]["late_reason"] == "停产检修"
