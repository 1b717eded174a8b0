"""What browsers make of the API: the reference at /docs, and calls of pages from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from broker.parts import Part
from front_door import RunningService, b64, eventually
from playwright.sync_api import Browser, BrowserContext, Locator, Page
from studio.visiting import TELL_VIOLATIONS, WAIT_MS, note_errors

pytestmark = pytest.mark.slow

CALL = """
async ([url, method, headers, body]) => {
  try {
    const answer = await fetch(url, { method, headers, body });
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
  } catch (error) {
    return { error: error.name };
  }
}
"""

IS_SHOWN = """url => new Promise((tell) => {
  const image = new Image();
  image.onload = () => tell(true);
  image.onerror = () => tell(false);
  image.src = url;
})"""

FILLED_IN = """(operation) => {
  const inputs = [...operation.querySelectorAll(".parameters-container input")];
  return inputs.map((input) => input.value).filter(Boolean);
}"""
SHADES = """() => {
  const mean = (color) => color.match(/[0-9.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part) / 3, 0);
  const summary = document.querySelector(".opblock-summary-description");
  return [mean(getComputedStyle(document.documentElement).backgroundColor), mean(getComputedStyle(summary).color)];
}"""

FORM = """<!doctype html><form method="post" enctype="multipart/form-data" action="{url}/v1/transfers">
<input name="request" value='{{"content": "file:photo", "styles": []}}'><button>Win a prize</button></form>"""


@dataclass
class Reference:
    """The page /docs.

    Attributes:
        asked: URLs that it asked for.
        wrong: what the console said of errors and warnings.
    """

    page: Page
    asked: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def operation(self, method: str, path: str) -> Locator:
        """Open an operation, unless it is open, and return it."""
        operation = self.page.locator(f".opblock-{method}", has=self.page.locator(f'[data-path="{path}"]'))
        if "is-open" not in (operation.get_attribute("class") or ""):
            operation.locator("button").first.click()
        return operation


@pytest.fixture(scope="module")
def guarded(narrow_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A web server with a key. Pages from its port under another name, to browsers another origin, may call it."""
    service = Part("web", narrow_model, tmp_path_factory.mktemp("guarded"), api_keys="key")
    service.env["NST_CORS_ORIGINS"] = f"http://localhost:{service.port}"
    with service:
        eventually(lambda: service.answers("/livez"), 30, "it did not start")
        yield service


@pytest.fixture(scope="module")
def on_a_network(narrow_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A web server without keys that is known as nst.test: to browsers neither this machine nor encrypted."""
    with Part("web", narrow_model, tmp_path_factory.mktemp("network"), hosts="nst.test") as service:
        eventually(lambda: service.answers("/livez"), 30, "it did not start")
        yield service


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[BrowserContext]:
    """A window for all tests, with an empty page that keeps it open: a new one takes longer than a page."""
    with browser.new_context() as context:
        context.set_default_timeout(WAIT_MS)
        context.new_page()
        yield context


@pytest.fixture
def page(window: BrowserContext) -> Iterator[Page]:
    with window.new_page() as page:
        yield page


def call(page: Page, url: str, method: str = "GET", body: str | None = None, **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer: dict[str, Any] = page.evaluate(CALL, [url, method, named, body])
    return answer


@pytest.fixture(scope="module")
def reference(window: BrowserContext, service: RunningService) -> Iterator[Reference]:
    """The page /docs, opened once, in a dark system: it costs more than all that the tests do there."""
    with window.new_page() as page:
        page.emulate_media(color_scheme="dark")
        opened = Reference(page)
        page.add_init_script(TELL_VIOLATIONS)
        page.on("request", lambda request: opened.asked.append(request.url))
        note_errors(page, opened.wrong, ("error", "warning"))
        page.goto(f"{service.url}/docs")
        page.locator(".opblock").first.wait_for()
        yield opened


def test_the_reference_is_there_and_asks_no_other_host(
    reference: Reference, service: RunningService, guarded: RunningService
) -> None:
    operation = reference.operation("post", "/v1/estimates")
    operation.get_by_role("tab", name="Schema").first.click()
    operation.get_by_text("style_weight").first.wait_for()
    assert reference.page.locator(".opblock").count() > 15
    assert reference.wrong == []
    assert f"{service.url}/openapi.json" in reference.asked
    assert [url for url in reference.asked if not url.startswith((f"{service.url}/", "data:", "blob:"))] == []
    assert [guarded.get(path).status_code for path in ("/docs", "/openapi.json")] == [200, 200]


def test_a_call_can_be_tried_from_the_reference(
    reference: Reference, service: RunningService, texture_png: bytes
) -> None:
    service.put_style("tried", texture_png)
    operation = reference.operation("get", "/v1/styles/{name}/image")
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_placeholder("name").fill("tried")
    operation.get_by_role("button", name="Execute").click()
    shown = operation.locator(".live-responses-table img")
    shown.wait_for()
    reference.page.wait_for_function("image => image.naturalWidth > 0", arg=shown.element_handle())
    assert reference.wrong == []


def test_the_example_of_a_transfer_is_sent_at_once(
    reference: Reference, service: RunningService, texture_png: bytes
) -> None:
    service.put_style("mosaic", texture_png)
    operation = reference.operation("post", "/v1/transfers")
    operation.get_by_role("button", name="Try it out").click()
    assert operation.evaluate(FILLED_IN) == []
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table .response-col_status")
    answer.filter(has_text="202").wait_for()
    (job,) = service.get("/v1/transfers?limit=1").json()["items"]
    assert job["options"]["content"]["width"] == 8 and job["options"]["styles"][0]["preset"] == "mosaic"
    service.ended(job["id"])
    assert reference.wrong == []


def test_the_reference_begins_with_transfers_and_three_lines(reference: Reference, service: RunningService) -> None:
    assert reference.page.locator(".opblock-tag").first.get_attribute("data-tag") == "transfers"
    submit, watch, fetch = reference.page.locator(".begin pre").inner_text().splitlines()
    assert submit.startswith(f"curl -s {service.url}/v1/transfers -F")
    assert watch.endswith("/v1/transfers/ID") and fetch.endswith("/image -o output.png")
    operation = reference.operation("get", "/v1/transfers")
    operation.get_by_role("button", name="Try it out").click()
    assert operation.evaluate(FILLED_IN) == ["50"]  # the default of limit
    assert reference.wrong == []


def test_the_reference_is_as_dark_as_the_system(reference: Reference) -> None:
    """When it is opened, and from then on."""
    dark_page, dark_text = reference.page.evaluate(SHADES)
    assert dark_page < 60 and dark_text > 150
    reference.page.emulate_media(color_scheme="light")
    reference.page.locator("html:not(.dark-mode)").wait_for()
    light_page, light_text = reference.page.evaluate(SHADES)
    assert light_page > 200 and light_text < 120


def test_a_page_of_an_origin_that_may_reads_answers_headers_and_errors(page: Page, guarded: RunningService) -> None:
    page.goto(f"http://localhost:{guarded.port}/livez")
    unknown = call(page, f"{guarded.url}/v1/transfers", X_API_Key="wrong")
    assert (unknown["status"], unknown["headers"]["www-authenticate"]) == (401, "Bearer")
    wrong = call(
        page,
        f"{guarded.url}/v1/styles/waves",
        "PUT",
        json.dumps({"images": [{"image": b64(b"no picture")}]}),
        X_API_Key="key",
        Content_Type="application/json",
        Prefer="wait=1",
        Idempotency_Key="1",
    )
    assert (wrong["status"], "x-request-id" in wrong["headers"]) == (422, True)
    first = call(page, f"{guarded.url}/v1/styles", Authorization="Bearer key")
    again = call(page, f"{guarded.url}/v1/styles", Authorization="Bearer key", If_None_Match=first["headers"]["etag"])
    assert (first["status"], again["status"], again["body"]) == (200, 304, "")


def test_a_page_of_another_origin_reads_nothing(page: Page, guarded: RunningService, service: RunningService) -> None:
    page.goto(f"http://localhost:{service.port}/livez")
    assert call(page, f"{guarded.url}/v1/styles", X_API_Key="key") == {"error": "TypeError"}
    assert call(page, f"{guarded.url}/openapi.json") == {"error": "TypeError"}


def test_an_img_of_another_site_shows_nothing_and_has_nothing_made(
    page: Page, service: RunningService, texture_png: bytes
) -> None:
    version = service.put_style("unseen", texture_png).json()["version"]
    picture, pack = (f"{service.url}/v1/styles/unseen/{part}" for part in ("image", "pack"))
    page.goto(f"http://localhost:{service.port}/livez")
    assert not page.evaluate(IS_SHOWN, picture)
    assert not page.evaluate(IS_SHOWN, pack)  # it would wait until the pack is made
    assert not list((service.data / "blobs" / "styles" / version).glob("pack*"))
    page.goto(f"{service.url}/livez")
    assert page.evaluate(IS_SHOWN, picture)


def answer_to_form(page: Page, at: str, to: str) -> tuple[int, dict[str, str]]:
    """Post a form from a page at one origin to a service at another; return the status, and what the browser said."""
    page.route(f"{at}/form", lambda route: route.fulfill(body=FORM.format(url=to), content_type="text/html"))
    page.goto(f"{at}/form")
    with page.expect_response(f"{to}/v1/transfers") as answered:
        page.get_by_role("button").click()
    page.wait_for_url(f"{to}/v1/transfers")  # a page that is closed in the middle of a navigation may hang
    return answered.value.status, answered.value.request.all_headers()


@pytest.mark.parametrize(
    "at", ["http://127.0.0.1:8", "http://localhost:8", "http://shop.test", "http://sub.localhost"]
)
def test_a_form_of_another_port_or_site_is_refused(page: Page, service: RunningService, at: str) -> None:
    assert answer_to_form(page, at, service.url)[0] == 403


@pytest.mark.parametrize("at", ["http://shop.test", "http://nst.test:8", "http://sub.nst.test"])
def test_on_a_network_browsers_name_the_origin_alone(page: Page, on_a_network: RunningService, at: str) -> None:
    status, said = answer_to_form(page, at, f"http://nst.test:{on_a_network.port}")
    assert (status, said.get("origin"), said.get("sec-fetch-site")) == (403, at, None)


def test_a_form_of_its_own_origin_is_taken_for_what_it_says(page: Page, on_a_network: RunningService) -> None:
    own = f"http://nst.test:{on_a_network.port}"
    assert answer_to_form(page, own, own)[0] == 422


def test_a_name_that_was_made_to_lead_here_is_not_served(page: Page, service: RunningService) -> None:
    """DNS rebinding: to the browser page and service are of one origin."""
    rebound = f"http://rebound.test:{service.port}"
    page.goto(f"{rebound}/livez")
    assert call(page, f"{rebound}/v1/transfers")["status"] == 421
    assert call(page, f"{rebound}/v1/transfers", "POST", "{}", Content_Type="application/json")["status"] == 421
