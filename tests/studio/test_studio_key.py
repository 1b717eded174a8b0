"""The studio at a service that asks for a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from front_door import RunningService, b64
from playwright.sync_api import Browser, expect
from studio.visiting import NO_ROOM, Visit, file
from tenants.people import Person

pytestmark = pytest.mark.slow

KEY = "a-key-of-the-test"


@pytest.fixture(scope="module")
def service(
    narrow_model: Path, tmp_path_factory: pytest.TempPathFactory, texture_png: bytes
) -> Iterator[RunningService]:
    with RunningService(narrow_model, tmp_path_factory.mktemp("key"), api_keys=KEY) as running:
        body = {"images": [{"image": b64(texture_png)}]}
        requests.put(
            f"{running.url}/v1/styles/cloth", json=body, headers={"X-API-Key": KEY}, timeout=60
        ).raise_for_status()
        yield running


@pytest.fixture
def visit(browser: Browser, service: RunningService) -> Iterator[Visit]:
    with Visit.of(browser, service) as visiting:
        visiting.expected.append("401")
        yield visiting


def give(visit: Visit, key: str, *, keep: bool = False) -> None:
    visit.at("#key").fill(key)
    visit.at("#key-keep").set_checked(keep)
    visit.at("#key-dialog .primary").click()


def test_a_wrong_key_is_refused_and_with_the_right_one_all_works(visit: Visit, photo_png: bytes) -> None:
    expect(visit.at("#key-dialog")).to_be_visible()
    give(visit, "wrong")
    expect(visit.at("#key-dialog .problem")).to_contain_text("know this key")
    give(visit, KEY)
    visit.at('[data-preset="cloth"]').click()
    visit.choose_content(file("photo.png", photo_png))
    visit.set(size="64", iterations="5")
    visit.paint()
    visit.done()
    assert visit.at("#after").evaluate("image => image.naturalWidth") == 64
    visit.reload()
    visit.done()
    expect(visit.at("#key-dialog")).to_be_hidden()
    expect(visit.at("#key-button")).to_be_visible()
    a_refusal_meanwhile_leaves_what_is_typed(visit)
    visit.at("#copy-code").click()
    expect(visit.at("#code")).to_contain_text("X-API-Key: YOUR-KEY")
    assert KEY not in visit.at("#code").inner_text()


def a_refusal_meanwhile_leaves_what_is_typed(visit: Visit) -> None:
    visit.at("#key-button").click()
    visit.at("#key").fill("half-typed")
    visit.page.route("**/v1/styles?*", lambda route: route.fulfill(status=401, json={"detail": "unknown key"}))
    with visit.page.expect_response("**/v1/styles?*"):
        visit.page.evaluate("void studioModule('shelf.js').then((shelf) => shelf.fillShelf())")
    visit.page.wait_for_timeout(200)  # until the page has read the answer
    expect(visit.at("#key")).to_have_value("half-typed")
    visit.page.unroute("**/v1/styles?*")
    visit.page.keyboard.press("Escape")


@pytest.mark.parametrize("keep", [False, True])
def test_a_key_is_kept_for_the_visit_or_on_the_device_until_it_is_forgotten(visit: Visit, keep: bool) -> None:
    give(visit, KEY, keep=keep)
    visit.at('[data-preset="cloth"]').wait_for()
    other = visit.page.context.new_page()
    other.goto(visit.service.url)
    expected = other.locator('[data-preset="cloth"]' if keep else "#key-dialog[open]")
    expect(expected).to_be_visible()
    visit.at("#key-button").click()
    visit.at("#key-forget").click()
    expect(visit.at("#key-dialog")).to_be_visible()
    expect(visit.at("#key-forget")).to_be_hidden()
    assert visit.page.evaluate("[localStorage, sessionStorage].some((memory) => 'studio.key' in memory)") is False


def test_somebody_without_a_key_is_asked_once_and_may_give_it_later(visit: Visit, photo_png: bytes) -> None:
    """A draft stays also where the browser can't keep it."""
    visit.at("#key-dialog [data-close]").click()
    expect(visit.at("#key-dialog")).to_be_hidden()
    expect(visit.at("#shelf-hint")).to_contain_text("Give it by the key at the top of the page.")
    visit.page.evaluate(NO_ROOM)
    visit.choose_content(file("photo.png", photo_png))
    expect(visit.at("#unkept")).to_be_visible()
    visit.at("#key-button").click()
    give(visit, KEY)
    expect(visit.at('[data-preset="cloth"]')).to_be_visible()
    expect(visit.at("#content-name")).to_have_text("photo.png")


def test_a_key_of_a_tenant_is_enough_and_what_it_may_not_do_is_said(
    visit: Visit, service: RunningService, photo_png: bytes, texture_png: bytes
) -> None:
    root = Person(service, KEY)
    assert root.post("/v1/tenants", {"name": "acme"}).status_code == 201
    scopes = (["read"], ["read", "run", "presets"], ["run"])
    reader, user, runner = (root.with_key(some, tenant="acme") for some in scopes)
    assert user.save("tiles", photo_png).ok
    assert root.save("lent", texture_png, shared=True).ok
    assert user.save("lent", photo_png).ok and user.delete("/v1/styles/lent").ok  # a former one of its own
    visit.expected.append("40[34]")
    give(visit, reader.key)
    visit.at('[data-preset="tiles"]').click()
    expect(visit.at('[data-preset="cloth"]')).to_have_count(0)
    visit.choose_content(file("photo.png", photo_png))
    visit.set(size="64", iterations="5")
    visit.at("#paint").click()
    expect(visit.at("#paint-problem")).to_contain_text("a key with the scope run")
    give_other(visit, user.key)
    watched_without_a_stream(visit, visit.paint())
    what_is_shared_is_used_and_nothing_else(visit)
    id = another_tenant_begins_anew(visit, user.key)
    what_may_not_be_read_can_be_canceled(visit, runner.key, id)


def give_other(visit: Visit, key: str) -> None:
    """Give a key instead of the one that works: the page is loaded again."""
    visit.at("#key-button").click()
    with visit.page.expect_event("domcontentloaded"):
        give(visit, key)
    visit.ready()


def watched_without_a_stream(visit: Visit, id: str) -> None:
    """Where the tenant has as many streams as it may, the page asks for the transfer itself."""
    visit.done()
    visit.expected.append("429")
    full = {"detail": "2 event streams of yours are open, and 2 may be"}
    visit.page.route("**/events", lambda route: route.fulfill(status=429, headers={"Retry-After": "1"}, json=full))
    visit.at("#job-new").click()
    visit.paint()
    visit.done()
    ended = {"queue": {}, "links": {"self": f"v1/transfers/{id}"}}  # a job that has waited
    before = visit.page.evaluate("(job) => studioModule('queue.js').then((queue) => queue.before(job))", ended)
    assert before is None
    visit.page.unroute("**/events")


def what_is_shared_is_used_and_nothing_else(visit: Visit) -> None:
    shared = visit.at("#shelf [aria-labelledby=shelf-shared] button")
    expect(shared).to_contain_text(["lent"])
    shared.click()
    expect(visit.at("#lessons li")).to_have_count(1)
    expect(visit.at("#lessons li")).to_contain_text("tiles")
    visit.at("#save-mix").click()
    visit.at("#preset-name").fill("lent")
    expect(visit.at("#preset-hint")).to_contain_text("There is a shared one of that name")
    expect(visit.at("#preset-save")).to_have_text("Save")
    visit.page.keyboard.press("Escape")
    visit.at("#manage-presets").click()
    expect(visit.at("#manage-shared li button")).to_have_text(["Pack"])
    expect(visit.at("#manage-own li button")).to_have_text(["Edit", "Pack", "Delete"])
    visit.page.keyboard.press("Escape")


def another_tenant_begins_anew(visit: Visit, key: str) -> str:
    """Nothing of the former one is shown: neither pictures nor presets, nor a draft with pictures of the service."""
    id = visit.shown()
    visit.at("#again").click()
    visit.at("#manage-presets").click()
    visit.at("#manage-own").get_by_label("Delete tiles").click()
    visit.at("#manage-own").get_by_label("Yes, delete").click()
    expect(visit.at("#lately")).to_be_visible()
    visit.page.keyboard.press("Escape")
    give_other(visit, KEY)
    visit.at('[data-preset="cloth"]').wait_for()
    expect(visit.at("#shelf [data-preset=tiles]")).to_have_count(0)
    expect(visit.at("#gallery-style option[value=tiles]")).to_have_count(0)
    expect(visit.at(f'#wall [data-job="{id}"]')).to_have_count(0)
    expect(visit.at("#invite")).to_be_visible()
    expect(visit.at("#mix li")).to_have_count(0)
    visit.at("#manage-presets").click()
    expect(visit.at("#lately")).to_be_hidden()
    expect(visit.at('#manage-own [data-manage="lent"] button')).to_have_text(["Edit", "Pack", "Delete"])
    visit.page.keyboard.press("Escape")
    give_other(visit, key)
    expect(visit.at("#content-name")).to_have_text("photo.png")  # its own draft is there again
    return id


def what_may_not_be_read_can_be_canceled(visit: Visit, key: str, id: str) -> None:
    give_other(visit, key)
    visit.arrive(f"/#/{id}")
    visit.until("Not shown")
    expect(visit.at("#lost-words")).to_contain_text("a key with the scope read")
    visit.at("#cancel").click()
    expect(visit.at("#said")).to_have_text("It had ended before.")
    expect(visit.at("#shelf-hint")).to_contain_text("a key with the scope read")
