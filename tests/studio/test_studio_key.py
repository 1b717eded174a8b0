"""The studio at a service that asks for a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from front_door import RunningService, b64
from playwright.sync_api import Browser, expect
from studio.visiting import Visit, file
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
    visit.at("#copy-code").click()
    expect(visit.at("#code")).to_contain_text("X-API-Key: YOUR-KEY")
    assert KEY not in visit.at("#code").inner_text()


@pytest.mark.parametrize("keep", [False, True])
def test_a_key_is_kept_for_the_visit_or_on_the_device(visit: Visit, keep: bool) -> None:
    give(visit, KEY, keep=keep)
    visit.at('[data-preset="cloth"]').wait_for()
    other = visit.page.context.new_page()
    other.goto(visit.service.url)
    expected = other.locator('[data-preset="cloth"]' if keep else "#key-dialog[open]")
    expect(expected).to_be_visible()


def test_somebody_without_a_key_is_asked_once_and_may_give_it_later(visit: Visit) -> None:
    visit.at("#key-dialog [data-close]").click()
    expect(visit.at("#key-dialog")).to_be_hidden()
    expect(visit.at("#shelf-hint")).to_contain_text("Give it by the key at the top of the page.")
    visit.at("#key-button").click()
    give(visit, KEY)
    expect(visit.at('[data-preset="cloth"]')).to_be_visible()


def test_a_key_of_a_tenant_is_enough_and_what_it_may_not_do_is_said(
    visit: Visit, service: RunningService, photo_png: bytes
) -> None:
    root = Person(service, KEY)
    assert root.post("/v1/tenants", {"name": "acme"}).status_code == 201
    reader, user = (root.with_key(scopes, tenant="acme") for scopes in (["read"], ["read", "run", "presets"]))
    assert user.save("tiles", photo_png).ok
    give(visit, reader.key)
    visit.at('[data-preset="tiles"]').click()
    expect(visit.at('[data-preset="cloth"]')).to_have_count(0)
    visit.choose_content(file("photo.png", photo_png))
    visit.set(size="64", iterations="5")
    visit.expected.append("403")
    visit.at("#paint").click()
    expect(visit.at("#paint-problem")).to_contain_text("a key with the scope run")
    visit.at("#key-button").click()
    give(visit, user.key)
    visit.paint()
    visit.done()
