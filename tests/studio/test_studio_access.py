"""The studio for everybody: axe-core finds nothing in any state, in both themes; nothing is wider than the screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from front_door import RunningService
from playwright.sync_api import Browser, expect
from studio.visiting import LASTING, Visit, file

pytestmark = pytest.mark.slow

WIDTHS = (320, 390, 820, 1440)
AXE = Axe()
ALL = {"preload": {"assets": ["media"]}}  # no rule that is on looks at the files of styles
OF_COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}  # all others see no theme


@pytest.fixture
def visit(browser: Browser, left_empty: RunningService, texture_png: bytes) -> Iterator[Visit]:
    left_empty.put_style("cloth", texture_png, description="woven").raise_for_status()
    with Visit.of(browser, left_empty) as visiting:
        visiting.at('[data-preset="cloth"]').wait_for()
        yield visiting


def check(visit: Visit) -> None:
    """Axe's rules (WCAG 2.2 A and AA, and best practices), those about colours in both themes, and the width."""
    visit.page.emulate_media(color_scheme="dark")
    assert_accessible(visit, ALL)
    visit.page.emulate_media(color_scheme="light")
    assert_accessible(visit, OF_COLOURS)
    for width in WIDTHS:
        visit.page.set_viewport_size({"width": width, "height": 900})
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    visit.page.set_viewport_size({"width": 1280, "height": 900})


def assert_accessible(visit: Visit, options: dict[str, Any]) -> None:
    if not visit.page.evaluate("'axe' in globalThis"):
        visit.page.evaluate(AXE.axe_script)
    run = "options => axe.run(options).then(({ violations }) => ({ violations }))"
    found = AxeResults(visit.page.evaluate(run, options | {"resultTypes": ["violations"]}))
    assert found.violations_count == 0, f"{options}: {found.generate_report()}"


def test_empty_with_what_is_missing_and_dialogs(visit: Visit) -> None:
    check(visit)
    visit.at("#paint").click()
    expect(visit.at("#invite .problem")).to_be_visible()
    check(visit)
    visit.at('[data-preset="cloth"]').click()
    for button, dialog in (("copy-code", "code-dialog"), ("save-mix", "preset-dialog")):
        visit.at(f"#{button}").click()
        expect(visit.at(f"#{dialog}")).to_be_visible()
        check(visit)
        visit.page.keyboard.press("Escape")
    visit.page.evaluate("['key-button', 'key-forget'].forEach((id) => (document.getElementById(id).hidden = false))")
    for dialog in ("key-dialog", "delete-dialog"):
        visit.at(f"#{dialog}").evaluate("dialog => dialog.showModal()")
        check(visit)
        visit.page.keyboard.press("Escape")


def test_a_draft_with_everything_open_and_with_errors(visit: Visit, photo_png: bytes, texture_png: bytes) -> None:
    visit.expected.append("422")
    visit.choose_content(file("photo.png", photo_png))
    visit.at('[data-preset="cloth"]').click()
    what_is_pressed_is_large_enough(visit)
    visit.add_styles(file(f"{'very-long-name-' * 8}.png", texture_png))
    visit.at("#format").evaluate("select => select.closest('details').open = true")
    visit.at("#format").select_option("jpeg")
    visit.at("[name=dial][value=weights]").check(force=True)
    check(visit)
    visit.set(size="1", quality="0")
    visit.at("#paint").click()
    expect(visit.at("[data-loc=quality] .problem")).to_be_visible()
    check(visit)


def test_live_then_canceled_then_done(visit: Visit, photo_png: bytes) -> None:
    visit.choose_content(file("photo.png", photo_png))
    visit.at('[data-preset="cloth"]').click()
    visit.set(**LASTING)
    visit.paint()
    visit.at("#left").filter(has_text="left").wait_for()
    with visit.service.halted("service worker"):
        check(visit)
    visit.at("#cancel").click()
    visit.until("Canceled")
    check(visit)
    visit.set(size="64", iterations="3")
    visit.paint()
    visit.done()
    visit.at("#job-details summary").click()
    check(visit)


def what_is_pressed_is_large_enough(visit: Visit) -> None:
    """On a phone."""
    visit.page.set_viewport_size({"width": 390, "height": 844})
    small = visit.page.evaluate(
        """() => [...document.querySelectorAll("button, a.button, nav a, select, input:not([type=file]), summary")]
        .filter((element) => element.checkVisibility() && !element.closest("dialog"))
        .map((element) => [element.id || element.name || element.textContent, element.getBoundingClientRect()])
        .filter(([, box]) => Math.min(box.width, box.height) < 44)
        .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)"""
    )
    assert small == []
