"""S3's own: prefixes, buckets and keys that are wrong, servers that go away, listings of several pages."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from front_door import within
from servers.s3 import S3

import service.storage.blobs
from bench.refusals import web_process
from service.api.http.shared_check import SHARED_S
from service.errors import StorageError
from service.storage.blobs import Blobs

pytestmark = pytest.mark.slow

THREADS = 5  # of a web process with two NST_WEB_THREADS and one stream


@pytest.fixture
def stopped(s3: S3, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Blobs]:
    """Blobs whose server is gone, and which don't wait for it."""
    monkeypatch.setattr(service.storage.blobs, "PATIENCE", {"max_retries": 0})
    blobs = Blobs(s3_url)
    s3.stop()
    yield blobs
    s3.start()


def test_two_prefixes_of_a_bucket_are_two_stores(s3_url: str) -> None:
    one, other = Blobs(f"{s3_url}/one"), Blobs(f"{s3_url}/other")
    one.put("a", b"1")
    other.put("a", b"2")
    one.delete_all("")
    assert [blob.key for blob in other.listing("")] == ["a"]
    assert [blob.key for blob in Blobs(s3_url).listing("")] == ["other/a"]


def test_a_bucket_that_is_not_there_fails_the_check(s3_url: str) -> None:
    with pytest.raises(StorageError, match="could not be written"):
        Blobs("s3://no-such-bucket").check()


def test_every_call_fails_while_the_server_is_gone(stopped: Blobs) -> None:
    with pytest.raises(StorageError, match="a could not be written"):
        stopped.put("a", b"1")
    with pytest.raises(StorageError, match="a could not be read"):
        stopped.get("a")
    with pytest.raises(StorageError, match="a could not be removed"):
        stopped.delete("a")
    with pytest.raises(StorageError, match="the files in a could not be listed"):
        list(stopped.listing("a"))


def test_a_server_that_is_back_is_used_again(s3: S3, s3_url: str) -> None:
    blobs = Blobs(s3_url)
    blobs.check()
    s3.restart()
    assert s3.url_for(s3_url.removeprefix("s3://")) == s3_url
    blobs.check()


def test_what_a_folder_needs_to_tidy_up_is_nothing_here(s3_url: str) -> None:
    blobs = Blobs(s3_url)
    blobs.put("a#1", b"1")
    blobs.remove_unfinished(before=2e9)
    assert [blob.key for blob in blobs.listing("")] == ["a#1"]


@pytest.mark.timeout(30)  # left to itself, the store asks ten times
def test_a_server_that_never_answers_is_given_up(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{mute.getsockname()[1]}")
        monkeypatch.setenv("AWS_TIMEOUT", "4s")
        with pytest.raises(StorageError, match="a could not be read"):
            Blobs(s3_url).get("a")


def test_whoever_asks_readyz_while_the_server_hangs_leaves_threads_to_others(s3: S3, s3_url: str) -> None:
    with web_process(blobs=s3_url, web_threads=2, streams=1) as web, ThreadPoolExecutor(2 * THREADS) as pool:
        assert b"the file" not in web.ask("GET", "/readyz")[1]
        with s3.halted():
            time.sleep(SHARED_S)
            asked = [pool.submit(web.ask, "GET", "/readyz") for _ in range(2 * THREADS)]
            within(lambda: sum(one.done() for one in asked) == 2 * THREADS - 1, 20, "they wait for the server")
            assert web.ask("GET", "/livez")[0] == 200


def test_a_listing_may_have_several_pages(s3_url: str) -> None:
    blobs = Blobs(s3_url)
    keys = [f"many/{i:04d}" for i in range(1100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: blobs.put(key, b"1"), keys))
    assert [blob.key for blob in blobs.listing("many")] == keys
