"""A web process ties a new database to its empty blob store, before any worker is there."""

from __future__ import annotations

import os
import time

import pytest
from flask import Flask
from front_door import eventually

from service.api.context import KEY, AppContext
from service.config import Settings
from service.errors import BlobsFull
from service.storage import identity
from service.storage.blob_folders import WITH_ROWS
from service.storage.blobs import Blobs
from service.web.app import create_app
from service.worker.sweep import sweep


@pytest.mark.parametrize("left", [["styles/killed/0"], ["jobs/killed/0", "jobs/killed/1"]])
def test_what_killed_requests_left_before_the_first_sweep_is_swept_up(
    app: Flask, settings: Settings, left: list[str]
) -> None:
    context: AppContext = app.extensions[KEY]
    eventually(lambda: identity.of_blobs(context.blobs), 30, "it was not tied")
    context.blobs.put("jobs/young/0", b"of a request under way")
    for key in left:
        context.blobs.put(key, b"without a row")
        os.utime(settings.data / "blobs" / key, (time.time() - 7200,) * 2)
    sweep(context.database, context.blobs, 10**9, 10**6)
    assert [blob.key for folder in WITH_ROWS for blob in context.blobs.listing(folder)] == ["jobs/young/0"]


def test_a_store_that_takes_no_id_keeps_no_web_process_from_its_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(blobs: Blobs, key: str, data: bytes) -> None:
        raise BlobsFull("no space left")

    monkeypatch.setattr(Blobs, "put", full)
    context: AppContext = create_app(settings).extensions[KEY]
    eventually(lambda: "the blob store got no id yet: no space left" in caplog.text, 30, "nothing was said")
    context.watch.close()
    context.database.close()
