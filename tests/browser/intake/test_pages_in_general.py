"""Every page of intake, in both languages, on a desk and on a phone: no violation by axe, no sideways scrolling."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.intake.opening import OpenPage
from tests.intake_site import ServedIntake
from tests.intake_world import E1, inspection

pytestmark = [pytest.mark.browser, pytest.mark.slow]
FORM = f"/fill?round_id=2023-1&enterprise_id={E1}&checklist="
PAGES = {
    E1: ("/", FORM + "mhd-2017-121", FORM + "general-78"),
    "county": ("/", f"/enterprises/{E1}", FORM + "mhd-2017-121", "/keys"),
    "national": ("/", "/rounds/new", "/rounds/2023-1", "/rounds/2023-1/units/linzi", "/keys"),
    "viewer": ("/",),
}


@pytest.fixture(scope="module", autouse=True)
def a_submission(site: ServedIntake) -> None:
    site.submit("/v1/inspections", E1, inspection(E1, findings=("5",)))


@pytest.mark.parametrize("who", PAGES)
@pytest.mark.parametrize(("lang", "width"), [("en", 1000), ("zh-CN", 390)])
def test_a_page_has_no_accessibility_violation_and_fits_its_screen(
    open_page: OpenPage, site: ServedIntake, who: str, lang: str, width: int
) -> None:
    with open_page(who, "/", lang, width) as page:
        for path in PAGES[who]:
            page.goto(site.url + path, wait_until="networkidle")
            assert page.get_attribute("html", "lang") == lang
            for closed in page.locator("details:not([open]) > summary").all():
                closed.click()
            found = Axe().run(page).response["violations"]
            assert [(each["id"], each["nodes"][0]["html"]) for each in found] == [], path
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_axe_would_find_a_field_without_a_label(open_page: OpenPage) -> None:
    with open_page(E1) as page:
        page.evaluate("document.querySelector('main').append(document.createElement('input'))")
        assert "label" in {each["id"] for each in Axe().run(page).response["violations"]}


@pytest.mark.parametrize("checklist", ["mhd-2017-121", "general-78", "aq-3067-2026"])
def test_a_form_page_stays_under_60_kb_in_all(open_page: OpenPage, site: ServedIntake, checklist: str) -> None:
    with open_page(E1) as page:
        devtools = page.context.new_cdp_session(page)
        sizes: list[float] = []
        devtools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        devtools.send("Network.enable")
        devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
        page.goto(site.url + FORM + checklist, wait_until="networkidle")
        expect(page.locator("#count")).not_to_be_empty()
        assert len(sizes) >= 10
        assert 20_000 < sum(sizes) < 60_000


def test_nobody_sees_a_page_before_signing_in(open_page: OpenPage) -> None:
    with open_page(None, FORM + "mhd-2017-121") as page:
        expect(page.locator("#key")).to_be_visible()
