"""Rectifications below the findings, and files that are dropped on the page."""

import io
import json

import pytest
from openpyxl import load_workbook
from playwright.sync_api import expect

from tests.browser.intake.opening import OpenPage
from tests.intake_site import ServedIntake
from tests.intake_world import E1, E2, inspection

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module", autouse=True)
def a_finding(site: ServedIntake) -> None:
    site.submit("/v1/inspections", E1, inspection(E1, findings=("5",)))


def test_an_enterprise_reports_that_a_finding_is_put_right_and_the_county_sends_it_back(
    open_page: OpenPage,
) -> None:
    with open_page(E1) as page:
        card = page.locator(".finding-card")
        card.locator("summary").click()
        card.locator("select").select_option("done")
        card.locator("textarea").fill("阀门已更换")
        card.get_by_role("button", name="Submit the step").click()
        expect(page.locator("#receipt")).to_be_visible()
        page.click("[data-receipt=after]")
        expect(page.locator(".finding-card")).to_contain_text("Last step: Done")
    with open_page("county", f"/enterprises/{E1}") as page:
        card = page.locator(".finding-card")
        card.locator("summary").click()
        card.locator("select").select_option("rejected")
        card.get_by_role("button", name="Submit the step").click()
        expect(card.locator(".error")).to_contain_text("One thing is not right yet")
        expect(card.locator("textarea")).to_be_focused()
        card.locator("textarea").fill("压力试验未通过")
        card.get_by_role("button", name="Submit the step").click()
        expect(page.locator("#receipt")).to_be_visible()
        page.reload()
        expect(page.locator(".finding-card")).to_contain_text("压力试验未通过")


def test_a_dropped_file_shows_what_became_of_each_row(open_page: OpenPage) -> None:
    good, bad = inspection(E2), inspection(E2, checklist="none")
    lines = "\n".join(json.dumps(each) for each in (good, bad))
    with open_page(E2) as page:
        data = page.evaluate_handle(
            "(text) => { const data = new DataTransfer();"
            " data.items.add(new File([text], 'two.ndjson')); return data; }",
            lines,
        )
        page.dispatch_event("#drop", "drop", {"dataTransfer": data})
        expect(page.locator("#batch-said")).to_have_text("Done: 1 taken, 1 refused.")
        expect(page.locator("#batch-table tbody tr.refused")).to_contain_text("There is no checklist none")


def test_the_template_filled_in_is_taken_and_a_wrong_cell_is_named(open_page: OpenPage, site: ServedIntake) -> None:
    with open_page(E2) as page:
        with page.expect_download() as download:
            page.click("a[href*='mhd-2017-121/template.xlsx']")
        book = load_workbook(io.BytesIO(download.value.path().read_bytes()))
        sheet = book.worksheets[0]
        columns = {str(cell.value).rstrip("*"): cell.column for cell in sheet[1]}
        for row in range(2, 22):
            sheet.cell(row, columns["检查日期"], "2023-02-18")
            sheet.cell(row, columns["结果"], "符合")
            sheet.cell(row, columns["替换原因"], "改用表格")
        filled = io.BytesIO()
        book.save(filled)
        page.set_input_files("#file", {"name": "自查.xlsx", "mimeType": "", "buffer": filled.getvalue()})
        expect(page.locator("#batch-said")).to_have_text("Done: 1 taken, 0 refused.")
        sheet.cell(2, columns["结果"], "也许")
        book.save(wrong := io.BytesIO())
        page.set_input_files("#file", {"name": "自查.xlsx", "mimeType": "", "buffer": wrong.getvalue()})
        expect(page.locator("#batch-said")).to_have_text("Done: 0 taken, 1 refused.")


def test_a_file_of_another_kind_and_a_service_without_batches_are_told_plainly(open_page: OpenPage) -> None:
    with open_page(E2) as page:
        page.set_input_files("#file", {"name": "a.docx", "mimeType": "x/y", "buffer": b"x"})
        expect(page.locator("#batch-said")).to_contain_text("choose XLSX, CSV or NDJSON")
        page.route("**/batch", lambda route: route.fulfill(status=405, body="{}"))
        page.set_input_files("#file", {"name": "a.csv", "mimeType": "text/csv", "buffer": b"x"})
        expect(page.locator("#batch-said")).to_contain_text("takes no files yet")
