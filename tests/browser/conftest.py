"""What the browser's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.driver import Watched, open_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a file, of a reader who knows the lab; some files have one of their own."""
    with open_browser() as one:
        yield one


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a reader of their own, in which nothing may break; some files have another."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    one = context.new_page()
    one.set_default_timeout(90_000)
    watched = Watched(one)
    yield one
    assert watched.errors == []
    context.close()
