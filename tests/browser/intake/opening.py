"""The shape of the fixture that opens a page of intake as somebody; for annotations."""

from contextlib import AbstractContextManager
from typing import Protocol

from playwright.sync_api import Page


class OpenPage(Protocol):
    """Opens a browser window for whoever holds a key; fails the test afterwards if the page had an error."""

    def __call__(
        self, who: str | None, path: str = "/", lang: str = "en", width: int = 1000
    ) -> AbstractContextManager[Page]: ...
