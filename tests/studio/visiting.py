"""Somebody at the studio: what they do there, and what goes wrong in the page meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from front_door import SLOWEST, RunningService
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, FilePayload, Locator, Page

WAIT_MS = 60_000 * SLOWEST
REMEMBERED = "cookies,local_storage,indexeddb,cache_storage,service_workers,file_systems"  # by the browser, of a page
LASTING = {"size": "512", "iterations": "5000"}  # settings of a job that goes on until somebody cancels it
TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`));
"""

MODULES = """
globalThis.studioModule = (name) => import(document.querySelector("[type=module]").src.replace("main.js", name));
"""  # the page's own modules, for tests of one
NO_ROOM = """() => {
    const { put } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.put = function (...all) {
        const request = put.apply(this, all);
        this.transaction.abort();  // as a browser does that has no room for what is written
        return request;
    };
    globalThis.room = () => void (IDBObjectStore.prototype.put = put);
}"""

AnyFile = TypeVar("AnyFile", Path, FilePayload)


@dataclass
class Visit:
    """A page of the studio.

    Attributes:
        wrong: what the browser's console said of errors, and what was thrown.
        expected: patterns of those that belong to the test.
    """

    page: Page
    service: RunningService
    wrong: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def of(
        cls, browser: Browser, service: RunningService, *, opened: bool = True, **settings: Any
    ) -> Iterator[Visit]:
        """Begin a visit with nothing remembered. `settings` are those of the browser's window."""
        context = _window(browser, json.dumps(settings, sort_keys=True))
        visit = cls(context.new_page(), service)
        note_errors(visit.page, visit.wrong)
        try:
            visit.forget_everything()
            if opened:
                visit.open()
            yield visit
            assert visit.unexpected() == [], visit.wrong
        finally:
            for page in context.pages[1:]:
                page.close()
            context.clear_permissions()

    def forget_everything(self) -> None:
        """Remove what former visits left in the browser, but for the page's files, which never change."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Storage.clearDataForOrigin", {"origin": self.service.url, "storageTypes": REMEMBERED})
        session.detach()

    def open(self, path: str = "/") -> None:
        self.page.goto(self.service.url + path)
        self.ready()

    def arrive(self, path: str) -> None:
        """Open the page at an address anew: it would only turn to it if it is there already."""
        self.page.goto("about:blank")
        self.open(path)

    def ready(self) -> None:
        self.page.locator("html[data-ready]").wait_for()

    def reload(self) -> None:
        self.page.reload()
        self.ready()

    def unexpected(self) -> list[str]:
        return [words for words in self.wrong if not any(re.search(known, words) for known in self.expected)]

    # What a person does

    def at(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def choose_content(self, *files: AnyFile) -> None:
        self.page.set_input_files("#content-file", list(files))

    def add_styles(self, *files: AnyFile) -> None:
        before = self.at("#mix li").count()
        self.page.set_input_files("#style-file", list(files))
        self.at("#mix li").nth(before + len(files) - 1).wait_for()

    def set(self, **settings: str) -> None:
        if not self.at("#fine").get_attribute("open"):
            self.at("#fine").evaluate("details => details.open = true")
        for name, value in settings.items():
            self.at(f"#{name}").fill(value)

    def paint(self) -> str:
        """Press Paint; return the id of the transfer that this made."""
        before = self.page.url
        self.at("#paint").click()
        self.page.wait_for_url(lambda url: "#/" in url and url != before)
        return self.shown()

    def shown(self) -> str:
        """The id of the transfer on the stage."""
        return self.page.url.partition("#/")[2]

    def until(self, status: str) -> None:
        """Wait until the transfer on the stage is said to be in that state, as the page words it."""
        self.at(
            "#job-status",
        ).filter(has_text=status).wait_for()

    def done(self) -> None:
        self.until("Done")
        self.at("#compare").wait_for()


@cache
def _window(browser: Browser, settings: str) -> BrowserContext:
    """A window of the browser, with an empty page that keeps it open. Each visit is a new page in it.

    `settings` are JSON, as a cache's key can't be a dict.

    A new window for each visit would cost more CPU time than the studio's page.
    """
    context = browser.new_context(reduced_motion="reduce", **json.loads(settings))
    context.set_default_timeout(WAIT_MS)
    context.add_init_script(TELL_VIOLATIONS + MODULES)
    context.new_page()
    return context


def note_errors(page: Page, wrong: list[str], types: Collection[str] = ("error",)) -> None:
    """Note what the browser's console says of these types, and what is thrown."""

    def note(message: ConsoleMessage) -> None:
        if message.type in types:
            wrong.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: wrong.append(str(error)))


def file(name: str, data: bytes, media_type: str = "image/png") -> FilePayload:
    """A file as a person has it."""
    return {"name": name, "mimeType": media_type, "buffer": data}
