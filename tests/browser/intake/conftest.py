"""Chromium before a served intake, one world per module; every page is watched for errors that a user would not see."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.intake.opening import OpenPage
from tests.intake_site import ServedIntake, served

# What the tests provoke on purpose, Chromium reports as a failed resource.
EXPECTED = re.compile(r"status of (405|412|422)|net::ERR_FAILED")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedIntake]:
    with served(tmp_path_factory.mktemp("intake")) as running:
        yield running


@pytest.fixture
def open_page(browser: Browser, site: ServedIntake) -> OpenPage:
    @contextmanager
    def opening(who: str | None, path: str = "/", lang: str = "en", width: int = 1000) -> Iterator[Page]:
        context = browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=True)
        page = context.new_page()
        page.set_default_timeout(15_000)
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        if who is not None:
            page.goto(f"{site.url}/login?lang={lang}")
            page.fill("#key", site.key(who))
            page.press("#key", "Enter")
            page.wait_for_url(f"{site.url}/")
        page.goto(f"{site.url}{path}{'&' if '?' in path else '?'}lang={lang}")
        yield page
        context.close()
        assert [each for each in wrong if not EXPECTED.search(each)] == []

    return opening
