"""The service behind a real nginx, with the configuration that docs/deploying.md shows, below a path."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from batches.streamed_zip import entries
from front_door import RunningService, b64, eventually
from outbound.picture_server import PictureServer
from playwright.sync_api import Browser, expect
from servers.fixtures import missing, running
from servers.nginx import Nginx, shown_configuration
from servers.server import unprivileged_user
from studio.visiting import Visit, file, note_errors
from webhooks.receiver import Receiver

from service.api.live.waiting import MAX_WAIT_S
from service.config import Settings

pytestmark = pytest.mark.slow

KEY = {"X-API-Key": "a-key-of-the-test"}
ROOT_PATH = "/paint"
LASTING = {"size": 256, "iterations": 5000}
QUICK = {"size": 64, "iterations": 2}
WHOLE_BODY = 64 * 2**20  # NST_MAX_BODY_MB


@pytest.fixture(scope="module")
def host() -> Iterator[PictureServer]:
    with PictureServer() as server:
        yield server


@pytest.fixture(scope="module")
def direct(
    narrow_model: Path, tmp_path_factory: pytest.TempPathFactory, host: PictureServer
) -> Iterator[RunningService]:
    """The service without nginx."""
    settings = {"root_path": ROOT_PATH, "trusted_proxies": 1, "api_keys": KEY["X-API-Key"]}
    settings |= {"webhook_hosts": "127.0.0.1", "image_hosts": f"127.0.0.1:{host.port}"}
    with RunningService(narrow_model, tmp_path_factory.mktemp("nginx"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def url(direct: RunningService) -> Iterator[str]:
    """The service's address at nginx, without the path."""
    if shutil.which("nginx") is None:
        missing("nginx", "nginx-light")
    for nginx in running(lambda folder: Nginx(folder, direct.port, unprivileged_user())):
        yield f"http://127.0.0.1:{nginx.port}"


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers.update(KEY)
        yield session


def submit(session: requests.Session, url: str, photo: bytes, style: bytes, **more: Any) -> requests.Response:
    body = {"content": b64(photo), "styles": [{"image": b64(style)}]} | QUICK | more
    return session.post(f"{url}/paint/v1/transfers", json=body, headers={"Prefer": "wait=30"}, timeout=60)


def test_its_times_and_sizes_fit_the_services() -> None:
    def value(name: str) -> float:
        (found,) = re.findall(rf"{name} (\d+)[sm];", shown_configuration())
        return float(found)

    assert value("proxy_read_timeout") > MAX_WAIT_S
    assert value("client_max_body_size") > Settings().max_body_mb
    assert value(r"\n    keepalive_timeout") < Settings().keepalive_s


def test_every_link_of_a_transfer_works(
    session: requests.Session, url: str, photo_png: bytes, texture_png: bytes
) -> None:
    answer = submit(session, url, photo_png, texture_png)
    assert answer.status_code == 200, answer.text
    job = answer.json()
    assert answer.headers["Location"] == job["links"]["self"] == f"/paint/v1/transfers/{job['id']}"
    for link in job["links"].values():
        assert session.get(url + link, timeout=60).ok, link
    picture = session.get(f"{url}{job['links']['self']}/files", timeout=60).json()["items"][0]
    assert session.get(url + picture["link"], timeout=60).content == photo_png
    assert session.get(f"{url}/paint/openapi.json", timeout=60).json()["servers"] == [{"url": ROOT_PATH}]


def test_a_webhook_of_a_worker_has_the_same_links(
    session: requests.Session, url: str, photo_png: bytes, texture_png: bytes
) -> None:
    with Receiver() as receiver:
        job = submit(session, url, photo_png, texture_png, callback_url=receiver.url()).json()
        eventually(lambda: receiver.received, 60, "no webhook came")
        assert json.loads(receiver.received[0].body)["data"]["links"] == job["links"]


def test_a_key_is_passed_on_in_either_header(url: str) -> None:
    listing = f"{url}/paint/v1/transfers"
    assert requests.get(listing, timeout=60).status_code == 401
    assert requests.get(listing, headers=KEY, timeout=60).ok
    assert requests.get(listing, headers={"Authorization": f"Bearer {KEY['X-API-Key']}"}, timeout=60).ok


def test_events_are_not_held_back(session: requests.Session, url: str, photo_png: bytes, texture_png: bytes) -> None:
    """The second job waits for the first: its first event fills no buffer, and none follows for 15 s."""
    body = {"content": b64(photo_png), "styles": [{"image": b64(texture_png)}]} | LASTING
    running, waiting = (session.post(f"{url}/paint/v1/transfers", json=body, timeout=60).json() for _ in range(2))
    try:
        with session.get(url + waiting["links"]["events"], stream=True, timeout=10) as stream:
            assert b"event: progress" in stream.iter_lines()
        with session.get(url + running["links"]["events"], stream=True, timeout=30) as stream:
            preview = next(line for line in stream.iter_lines() if b'"url"' in line)
            assert f"{running['links']['self']}/preview".encode() in preview
    finally:
        for job in (waiting, running):
            session.post(url + job["links"]["cancel"], timeout=60).raise_for_status()


def test_a_batch_is_posted_watched_and_fetched(
    session: requests.Session, url: str, host: PictureServer, photo_png: bytes, texture_png: bytes
) -> None:
    with Receiver() as receiver:
        contents = [{"url": host.add("/sea.png", photo_png)}, b64(photo_png), {"url": host.url("/none.png")}]
        style = {"image": {"url": host.add("/texture.png", texture_png)}}
        body = {"contents": contents, "styles": [style], "callback_url": receiver.url()} | QUICK
        answer = session.post(f"{url}/paint/v1/batches", json=body, timeout=60)
        assert answer.status_code == 202, answer.text
        batch = answer.json()
        assert answer.headers["Location"] == batch["links"]["self"] == f"/paint/v1/batches/{batch['id']}"
        with session.get(url + batch["links"]["events"], stream=True, timeout=60) as stream:
            assert "event: done" in list(stream.iter_lines(decode_unicode=True))
        eventually(lambda: receiver.received, 60, "no webhook came")
        assert json.loads(receiver.received[0].body)["data"]["links"] == batch["links"]
    items = session.get(url + batch["links"]["items"], timeout=60).json()["items"]
    assert [item["status"] for item in items] == ["succeeded", "succeeded", "failed"]
    assert session.get(url + items[0]["links"]["self"], timeout=60).json()["links"]["batch"] == batch["links"]["self"]
    pictures = [session.get(url + item["links"]["image"], timeout=60).content for item in items[:2]]
    packed = session.get(url + batch["links"]["zip"], timeout=60)
    assert "Content-Length" not in packed.headers  # it is sent while it is made
    assert list(entries(packed.content).values()) == pictures
    assert zipfile.ZipFile(io.BytesIO(packed.content)).namelist() == ["sea - texture.png", "painting - texture.png"]
    listing = session.get(f"{url}/paint/v1/batches?limit=1", timeout=60).json()
    assert listing["items"][0]["links"] == batch["links"]
    assert session.delete(url + batch["links"]["self"], timeout=60).status_code == 204


def test_events_of_a_batch_are_not_held_back_and_it_is_canceled(
    session: requests.Session, url: str, photo_png: bytes, texture_png: bytes
) -> None:
    """Its first event fills no buffer of nginx."""
    body = {"contents": [b64(photo_png)] * 2, "styles": [{"image": b64(texture_png)}]} | LASTING
    links = session.post(f"{url}/paint/v1/batches", json=body, timeout=60).json()["links"]
    with session.get(url + links["events"], stream=True, timeout=10) as stream:
        lines = stream.iter_lines(decode_unicode=True)
        assert "event: progress" in lines
        assert session.post(f"{url}{links['self']}/cancel", timeout=60).status_code == 202
        assert "event: done" in lines
    eventually(lambda: session.get(url + links["self"], timeout=60).json()["status"] == "canceled", 30, "it runs")


def test_json_is_sent_packed_and_known_again(session: requests.Session, url: str) -> None:
    listing = f"{url}/paint/v1/transfers"

    def is_known() -> bool:  # not while a job of the test before is being canceled
        answer = session.get(listing, timeout=60)
        assert answer.headers["Content-Encoding"] == "gzip"
        return session.get(listing, headers={"If-None-Match": answer.headers["ETag"]}, timeout=60).status_code == 304

    eventually(is_known, 30, "it is sent again")


@pytest.mark.parametrize(("size", "status"), [(WHOLE_BODY, 422), (WHOLE_BODY + 1, 413)])
def test_the_service_itself_says_that_a_body_is_too_large(
    session: requests.Session, url: str, size: int, status: int
) -> None:
    body = b'{"content": "' + b"A" * (size - 15) + b'"}'
    answer = session.post(
        f"{url}/paint/v1/transfers", data=body, headers={"Content-Type": "application/json"}, timeout=60
    )
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_only_what_is_below_the_path_is_there(url: str, direct: RunningService) -> None:
    there = {path: requests.get(url + path, timeout=60).status_code for path in ("/", "/metrics", "/paint/metrics")}
    assert there == {"/": 404, "/metrics": 404, "/paint/metrics": 404}
    assert requests.get(f"{url}/paint/paint/metrics", timeout=60).status_code == 404
    assert requests.get(f"{url}/paint", timeout=60).url == f"{url}/paint/"
    assert [direct.get(path).status_code for path in ("/livez", "/metrics")] == [200, 200]


def test_the_studio_paints_below_the_path(
    browser: Browser, direct: RunningService, url: str, photo_png: bytes, texture_png: bytes
) -> None:
    with Visit.of(browser, direct, opened=False) as visit:
        visit.expected.append("401")
        visit.page.goto(f"{url}/paint/")
        visit.ready()
        visit.at("#key").fill(KEY["X-API-Key"])
        with visit.page.expect_event("domcontentloaded"):  # with its key the page is loaded anew
            visit.at("#key-dialog .primary").click()
        visit.ready()
        visit.choose_content(file("photo.png", photo_png))
        visit.add_styles(file("texture.png", texture_png))
        visit.set(size="64", iterations="2")
        visit.paint()
        visit.done()
        assert visit.at("#after").evaluate("image => image.naturalWidth") == 64
        visit.at("#job-code").click()
        expect(visit.at("#code")).to_contain_text(f"{url}/paint/v1/transfers")


def test_the_docs_show_every_operation_below_the_path(browser: Browser, url: str) -> None:
    page = browser.new_page()
    wrong: list[str] = []
    note_errors(page, wrong)
    page.goto(f"{url}/paint/docs")
    page.locator("#operations-transfers-create_transfer").wait_for()
    page.close()
    assert wrong == []
