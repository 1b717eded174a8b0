"""Blobs are whole or not there, on disk when a put returns, and the same in a folder, in memory and in S3."""

from __future__ import annotations

import os
import resource
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.errors import BlobNotFound, StorageError
from service.storage.blobs import Blobs

ODD_KEYS = ["a b", "über/ä", "a%20b", "a%2Fb", "a#b", "a?b=c&d", "a+b", "~", "a:b", "résumé<>|.png", "x" * 200]


@pytest.fixture(params=["file", "memory", pytest.param("s3", marks=pytest.mark.slow)])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "s3":
        return Blobs(request.getfixturevalue("s3_url") + "/below/a prefix")
    return Blobs((tmp_path / "blobs").as_uri() if request.param == "file" else "memory:///")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def on_disk(folder: Path) -> Blobs:
    return Blobs(folder.as_uri())


def keys(blobs: Blobs, prefix: str = "") -> list[str]:
    return sorted(blob.key for blob in blobs.listing(prefix))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# The same everywhere


@pytest.mark.parametrize("data", [b"", b"\0\xff", os.urandom(3_000_000)], ids=["empty", "two bytes", "3 MB"])
def test_what_was_put_is_what_is_got(blobs: Blobs, data: bytes) -> None:
    blobs.put("jobs/1/content", data)
    assert blobs.get("jobs/1/content") == data


def test_a_put_replaces_what_was_there(blobs: Blobs) -> None:
    blobs.put("a/b", b"a long first version")
    blobs.put("a/b", b"second")
    assert blobs.get("a/b") == b"second"
    assert keys(blobs) == ["a/b"]


@pytest.mark.parametrize("key", ["missing", "a/missing", "a/b/missing"])
def test_a_missing_blob_is_named(blobs: Blobs, key: str) -> None:
    blobs.put("a/there", b"1")
    with pytest.raises(BlobNotFound, match=key):
        blobs.get(key)


def test_a_folder_is_no_blob(blobs: Blobs) -> None:
    blobs.put("a/b", b"1")
    with pytest.raises(StorageError):
        blobs.get("a")


def test_a_delete_may_be_repeated(blobs: Blobs) -> None:
    blobs.put("a/b", b"1")
    blobs.put("a/c", b"2")
    for _ in range(2):
        blobs.delete("a/b")
    blobs.delete("never/there")
    with pytest.raises(BlobNotFound):
        blobs.get("a/b")
    assert blobs.get("a/c") == b"2"


def test_a_listing_gives_what_lies_in_a_folder_and_nothing_beside_it(blobs: Blobs) -> None:
    for key in ("jobs/1/a", "jobs/1/b/c", "jobs/10/a", "jobsite", "styles/1"):
        blobs.put(key, b"123")
    assert keys(blobs, "jobs/1") == ["jobs/1/a", "jobs/1/b/c"]
    assert keys(blobs, "jobs") == ["jobs/1/a", "jobs/1/b/c", "jobs/10/a"]
    assert keys(blobs, "nothing") == []


def test_a_listing_gives_sizes_and_times(blobs: Blobs) -> None:
    before = time.time()
    blobs.put("a/b", b"12345")
    (info,) = blobs.listing("a")
    assert info.size == 5
    assert before - 2 < info.modified < time.time() + 2


def test_a_folder_is_removed_with_all_in_it_and_nothing_else(blobs: Blobs) -> None:
    for key in ("jobs/1/a", "jobs/1/b/c", "jobs/10/a"):
        blobs.put(key, b"1")
    blobs.delete_all("jobs/1")
    blobs.delete_all("jobs/2")
    assert keys(blobs) == ["jobs/10/a"]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_key_with_odd_characters_is_a_key(blobs: Blobs, key: str) -> None:
    blobs.put(key, b"1")
    assert blobs.get(key) == b"1"
    assert keys(blobs) == [key]
    blobs.delete(key)
    assert keys(blobs) == []


@pytest.mark.parametrize("key", ["../outside", "a/../../outside", "..", "."])
def test_no_key_leads_out_of_the_store(on_disk: Blobs, tmp_path: Path, key: str) -> None:
    (tmp_path / "outside").write_bytes(b"kept")
    with pytest.raises((StorageError, ValueError)):
        on_disk.put(key, b"1")
    with pytest.raises((StorageError, ValueError)):
        on_disk.get(key)
    assert files(tmp_path) == ["outside"]
    assert (tmp_path / "outside").read_bytes() == b"kept"


def test_a_check_leaves_nothing_behind(blobs: Blobs) -> None:
    blobs.check()
    assert keys(blobs) == []


def test_a_check_that_fails_leaves_nothing_behind_either(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object) -> bytes:
        raise StorageError("it could not be read")

    monkeypatch.setattr(Blobs, "get", fails)
    with pytest.raises(StorageError, match="could not be read"):
        blobs.check()
    assert keys(blobs) == []


def test_checks_at_the_same_time_do_not_disturb_one_another(blobs: Blobs) -> None:
    with ThreadPoolExecutor(8) as pool:
        for check in [pool.submit(blobs.check) for _ in range(100)]:
            check.result()


# On disk


def test_a_blob_is_a_file_that_another_process_finds(on_disk: Blobs, folder: Path) -> None:
    on_disk.put("jobs/1/content", b"1")
    assert files(folder) == ["jobs/1/content"]
    assert Blobs(folder.as_uri()).get("jobs/1/content") == b"1"


@pytest.mark.parametrize("name", ["with space", "ümlaut", "a%20b", "a#b"])
def test_the_folder_may_have_an_odd_name(tmp_path: Path, name: str) -> None:
    Blobs((tmp_path / name).as_uri()).put("a", b"1")
    assert files(tmp_path) == [f"{name}/a"]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The places that were synced to disk, as they come."""
    places: list[Path] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        places.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    return places


@pytest.mark.parametrize("key", ["top", "jobs/1/content", "a b/ü%20"])
def test_a_put_syncs_the_file_and_the_folders_it_lies_in(
    on_disk: Blobs, folder: Path, synced: list[Path], key: str
) -> None:
    on_disk.put(key, b"1")
    path = folder / key
    assert set(synced) == {path, *(parent for parent in path.parents if parent.is_relative_to(folder))}


def test_a_disk_that_cannot_sync_is_a_storage_error(on_disk: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(StorageError, match="could not be written"):
        on_disk.put("a", b"1")


def test_a_reader_sees_the_old_or_the_new_and_never_half(on_disk: Blobs) -> None:
    versions = [b"a" * 400_000, b"b" * 200_000]
    on_disk.put("a", versions[0])
    stop = threading.Event()

    def write() -> None:
        for i in range(60):
            on_disk.put("a", versions[i % 2])
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not stop.is_set():
        seen.add(on_disk.get("a"))
    writer.join()
    assert seen <= set(versions)


def test_a_full_disk_leaves_the_old_blob_and_nothing_half_written(on_disk: Blobs, folder: Path) -> None:
    on_disk.put("a/b", b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # as if the disk had no room for more
    try:
        for key in ("a/b", "a/new"):
            with pytest.raises(StorageError, match=f"{key} could not be written"):
                on_disk.put(key, bytes(200_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert on_disk.get("a/b") == b"old"
    assert keys(on_disk) == ["a/b"]
    assert files(folder) == ["a/b"]


def test_a_file_where_a_folder_should_be_is_a_storage_error(on_disk: Blobs, tmp_path: Path) -> None:
    on_disk.put("a", b"1")
    with pytest.raises(StorageError, match="a/b could not be written"):
        on_disk.put("a/b", b"1")
    (tmp_path / "file").write_bytes(b"")
    for url in ((tmp_path / "file").as_uri(), (tmp_path / "file" / "below").as_uri()):
        with pytest.raises(StorageError, match="can't be opened"):
            Blobs(url)


def test_a_folder_that_went_away_fails_the_check(on_disk: Blobs, folder: Path) -> None:
    folder.rmdir()
    folder.write_bytes(b"")
    with pytest.raises(StorageError):
        on_disk.check()


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://host/x", "s3://", "file:///proc/nowhere"])
def test_what_is_no_store_cannot_be_opened(url: str) -> None:
    with pytest.raises(StorageError, match="can't be opened") as refused:
        Blobs(url)
    assert ("see NST_DATA and NST_BLOBS" in refused.value.detail) == url.startswith("file:")
