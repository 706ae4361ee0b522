"""Reporting's pages in Chromium, in both languages: accessible, quiet in the console, live, and asking no other
host.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.system import ROUND, County, System, eventually, results, running

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    with running(tmp_path_factory.mktemp("pages") / "data") as system:
        found = County(system).register(enterprises=3)
        for enterprise in found.enterprises:
            system.submit("/v1/inspections", enterprise, found.inspection(enterprise, results=results("5")))
        eventually(lambda: _missing(system) == 0, 60, "nothing missing")
        yield found


def _missing(system: System) -> int:
    answer = system.call("GET", "reporting", "/v1/completeness", "admin")
    found = answer.json if answer.status == 200 else {"missing": -1, "projected": 0}
    return int(found["missing"]) if found["projected"] else -1


def signed_in(
    browser: Browser, system: System, key: str, language: str, **viewport: int
) -> tuple[Page, list[str], set[str]]:
    """A page signed in, what its console says, and the hosts it asks."""
    context = browser.new_context(viewport=viewport or DESK, locale=language)  # type: ignore[arg-type]
    page, said, hosts = context.new_page(), [], set()
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    address = system.run["services"]["reporting"]
    page.goto(f"{address}/login?lang={language}")
    page.fill("input[name=key]", system.run["admin_key"] if key == "admin" else system.keys[key])
    page.click("main button")
    page.wait_for_load_state()
    return page, said, hosts


def paths(county: County, key: str) -> list[str]:
    if key == "admin":
        return ["/operations"]
    own = ["/", f"/enterprises/{county.enterprises[0]}", f"/rounds/{ROUND}?unit={county.unit}"]
    if key in county.enterprises:
        return own
    asked = [county.unit, None] if key == "national" else [county.unit]
    bodies = [{"round_id": ROUND, "unit_id": unit} for unit in asked]
    frozen = [county.system.ok("POST", "reporting", "/v1/evaluations", "national", body) for body in bodies]
    unit = [f"/units/{county.unit}", f"/units/{county.unit}?as_of=2023-02-20"]
    return own + unit + [f"/evaluations/{one['evaluation_id']}" for one in frozen]


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("role", ["national", "county", "expert", "enterprise", "admin"])
def test_every_page_is_accessible_quiet_and_alone(county: County, browser: Browser, role: str, language: str) -> None:
    key = county.enterprises[0] if role == "enterprise" else role
    page, said, hosts = signed_in(browser, county.system, key, language)
    address = county.system.run["services"]["reporting"]
    for path in [*paths(county, key), "/login"]:
        answer = page.goto(f"{address}{path}")
        assert answer is not None
        assert answer.status == 200, path
        assert page.locator("html").get_attribute("lang") == language
        found: Any = Axe().run(page)
        assert found.response["violations"] == [], f"{path}: {found.generate_report()}"
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not wide, f"{path} is wider than a phone"
        page.set_viewport_size(DESK)  # type: ignore[arg-type]
    assert said == []
    assert hosts == {urlsplit(address).netloc}


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_what_is_out_of_scope_is_said_to_be_nothing_on_a_page_too(
    county: County, browser: Browser, language: str
) -> None:
    page, _, _ = signed_in(browser, county.system, county.enterprises[0], language)
    address = county.system.run["services"]["reporting"]
    for path in (f"/units/{county.unit}", f"/enterprises/{county.enterprises[1]}"):
        answer = page.goto(f"{address}{path}")
        assert answer is not None
        assert answer.status == 404
        assert Axe().run(page).response["violations"] == []


def test_a_page_follows_the_events(county: County, browser: Browser) -> None:
    page, _, _ = signed_in(browser, county.system, "national", "en")
    page.goto(f"{county.system.run['services']['reporting']}/units/{county.unit}")
    page.wait_for_selector("#connection:has-text('Live')")
    before = page.locator("#live").inner_text()
    enterprise = county.enterprises[0]
    body = county.inspection(enterprise, results=results("5", "6"), supersedes_reason="synthetic: one more was found")
    assert county.system.submit("/v1/inspections", enterprise, body).status == 201
    eventually(lambda: page.locator("#live").inner_text() != before, 30, "the page to change")
