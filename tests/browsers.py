"""The browser that tests open: an installed Chromium or Chrome, or with TEST_BROWSER=firefox that
of ``playwright install firefox``.

Without one its tests are skipped, unless REQUIRE_BROWSER=1 (which .ci/run sets) asks for it.
"""

import contextlib
import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
FIREFOX = os.environ.get("TEST_BROWSER") == "firefox"
SAID = f"no browser: none of {', '.join(NAMES)} is installed"

needed = pytest.mark.skipif(
    not CHROMIUM and not FIREFOX and os.environ.get("REQUIRE_BROWSER") != "1", reason=SAID
)


@contextlib.contextmanager
def launched():
    """Give a headless browser."""
    assert CHROMIUM or FIREFOX, f"REQUIRE_BROWSER=1, but {SAID}"
    with sync_playwright() as playwright:
        if FIREFOX:
            browser = playwright.firefox.launch()
        else:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with browser:
            yield browser
