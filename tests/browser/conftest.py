"""What the browser's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.driver import open_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a file, of a reader who knows the lab; some files have one of their own."""
    with open_browser() as one:
        yield one
