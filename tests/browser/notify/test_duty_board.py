"""The duty board in Chromium, as the officer on duty uses it: answer from the board, and from the link in the mail."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.system import County, eventually, results, running

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]
LANGUAGES = {"en": "Duty board", "zh-CN": "值班看板"}
SIZES = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    with running(tmp_path_factory.mktemp("duty") / "data") as system:
        found = County(system).register(enterprises=2)
        for enterprise in found.enterprises:
            system.submit("/v1/inspections", enterprise, found.inspection(enterprise, results=results("5")))
        eventually(lambda: len(open_alerts(found)) == 2, 60, "two open alerts")
        yield found


def open_alerts(county: County) -> Any:
    listed = county.system.ok("GET", "notify", "/v1/alerts?state=open&limit=100", "county")["items"]
    return [alert for alert in listed if alert["kind"] == "major_finding"]


def signed_in(browser: Browser, county: County, language: str, size: str = "desk") -> tuple[Page, list[str]]:
    page, said = browser.new_context(viewport=SIZES[size]).new_page(), []  # type: ignore[arg-type]
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{county.system.run['services']['notify']}/login?lang={language}")
    page.fill("input[name=key]", county.system.keys["county"])
    page.click("main button")
    return page, said


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_board_and_an_alert_are_accessible_and_fit(
    browser: Browser, county: County, language: str, size: str
) -> None:
    page, said = signed_in(browser, county, language, size)
    assert page.inner_text("h1") == LANGUAGES[language]
    assert Axe().run(page).violations_count == 0
    page.click("main a[href^='/alerts/']")
    page.wait_for_url("**/alerts/*")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert said == []


def test_the_board_shows_what_changes_without_being_read_again(browser: Browser, county: County) -> None:
    page, said = signed_in(browser, county, "en", "phone")
    page.wait_for_selector("#board li")
    page.evaluate("window.kept = true")
    before = page.locator("#board li").count()
    enterprise = county.enterprises[0]
    body = county.inspection(enterprise, results=results("6"), supersedes_reason="one more")
    county.system.submit("/v1/inspections", enterprise, body)
    page.wait_for_function("count => document.querySelectorAll('#board li').length > count", arg=before, timeout=30_000)
    assert page.evaluate("window.kept")
    assert page.is_hidden("#stale")
    assert said == []


def test_an_alert_is_answered_from_the_board(browser: Browser, county: County) -> None:
    page, said = signed_in(browser, county, "en")
    alert = open_alerts(county)[0]
    page.goto(f"{county.system.run['services']['notify']}/alerts/{alert['id']}")
    page.fill("#note", "Team is on its way.")
    page.click("text=I see to it")
    eventually(lambda: state(county, alert) == "acknowledged", what="acknowledged")
    assert "Team is on its way." in page.inner_text("main")
    assert said == []


def test_an_alert_is_answered_from_the_mail(browser: Browser, county: County) -> None:
    alert = eventually(lambda: open_alerts(county), what="an open alert")[0]

    def link() -> str | None:
        for text in county.system.inbox.mails("county-linzi@keycounty.example"):
            if alert["id"] in text and (found := re.search(r"https?://\S+/ack/\S+", text)):
                return found.group()
        return None

    page = browser.new_context(locale="zh-CN").new_page()
    page.goto(eventually(link, what="the mail"))
    assert Axe().run(page).violations_count == 0
    assert state(county, alert) == "open", "looking at the page acknowledges nothing"
    page.click("main form button")
    eventually(lambda: state(county, alert) == "acknowledged", what="acknowledged")


def state(county: County, alert: Any) -> str:
    return str(county.system.ok("GET", "notify", f"/v1/alerts/{alert['id']}", "county")["state"])
