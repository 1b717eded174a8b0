"""A web process whose threads one tenant would fill: another one's request is answered meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
import requests
from front_door import b64, eventually
from tenants.people import keys_of_new

from bench.refusals import WebProcess, web_process

pytestmark = pytest.mark.slow


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """The keys of two tenants."""
    return keys_of_new(tmp_path, "acme", "birch")


@pytest.fixture
def web(tmp_path: Path, keys: dict[str, str]) -> Iterator[WebProcess]:
    """A web process with two places for requests with a body, of which one may wait for a job."""
    with web_process(data=tmp_path, web_threads=2) as web:
        yield web


def test_a_tenant_s_requests_wait_for_its_own_and_not_another_s(
    web: WebProcess, keys: dict[str, str], photo_png: bytes
) -> None:
    url = f"http://127.0.0.1:{web.port}/v1/transfers"
    body = {"content": b64(photo_png), "styles": [{"image": b64(photo_png)}], "size": 32, "iterations": 0}

    def ask(method: str, tenant: str, path: str = "", **fields: str) -> requests.Response:
        sent: Any = body if method == "POST" and not path else None
        return requests.request(method, url + path, json=sent, headers=fields or with_key(tenant), timeout=90)

    def with_key(tenant: str) -> dict[str, str]:
        return {"X-API-Key": keys[tenant]}

    def jobs() -> list[str]:
        return [job["id"] for job in ask("GET", "acme").json()["items"]]

    with ThreadPoolExecutor(2) as pool:
        waits = pool.submit(ask, "POST", "acme", Prefer="wait=60", **with_key("acme"))
        eventually(lambda: len(jobs()) == 1, 30, "its job isn't there")
        late: Future[requests.Response] = pool.submit(ask, "POST", "acme", Authorization=f"Bearer {keys['acme']}")
        assert ask("POST", "birch").status_code == 202
        assert not wait([late], 1).done
        assert ask("POST", "acme", f"/{jobs()[0]}/cancel").status_code == 202
        assert waits.result().json()["status"] == "canceled"
        assert late.result().status_code == 202
