"""Debian's chromium, driven by Playwright: for the studio's tests and screenshots."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

QUIET = (  # no sandbox: tests and containers run as root, and nothing but our own page is opened
    "--no-sandbox",
    "--disable-gpu",
    "--in-process-gpu",
    "--renderer-process-limit=1",  # a process for each page costs more than the page
    "--disable-site-isolation-trials",
    "--disable-features=IsolateOrigins,site-per-process,SpareRendererForSitePerProcess",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.test 127.0.0.1",  # host names for the tests, as a local network has them
)


def executable() -> str | None:
    """Return the path of the browser, if possible of the one without windows; None if none is installed."""
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run a browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(QUIET))
        try:
            yield browser
        finally:
            browser.close()
