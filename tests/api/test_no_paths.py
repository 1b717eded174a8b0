"""What goes wrong inside is for the log: callers get no paths of the machine, and an id by which the log has more."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from api.working import CountingQueue
from flask import Flask
from flask.testing import FlaskClient
from front_door import b64
from jobs.submitting import claimed, submit
from werkzeug.test import TestResponse

from service.api.context import KEY
from service.config import Settings
from service.errors import DatabaseError, ModelUnavailable, StorageError, without_paths
from service.jobs import last_words
from service.jobs.leases import Leases
from service.jobs.registry import WorkerRegistry
from service.machine.memory import Capacity
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.web.refusals import refusal_for

PLACE = "/srv/secret/place"


@pytest.fixture
def settings(tmp_path: Path, made_database: Path) -> Settings:
    data = tmp_path / "secret place"
    data.mkdir()
    shutil.copy(made_database, data)
    return Settings(data=data, model=tmp_path / "none.onnx", starters=False)


@pytest.fixture
def quiet(client: FlaskClient) -> Iterator[FlaskClient]:
    """A client that gets the answer to an error, as outside of tests."""
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    yield client


def assert_told(response: TestResponse, log: str, cause: str) -> None:
    """The answer names the request and no cause, the log both."""
    problem = response.get_json()
    assert problem["request_id"] == response.headers["X-Request-ID"]
    assert cause not in json.dumps(problem)
    assert "secret" not in json.dumps(problem)
    assert cause in log


def test_an_unexpected_error_is_named_by_its_request(
    app: Flask, quiet: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*args: Any, **kwargs: Any) -> Any:
        raise PermissionError(13, "Permission denied", PLACE)

    monkeypatch.setattr(app.extensions[KEY].presets, "get", fails)
    response = quiet.get("/v1/styles/a", headers={"X-Request-ID": "mine"})
    assert response.status_code == 500
    assert response.get_json()["request_id"] == "mine"
    assert_told(response, caplog.text, PLACE)


@pytest.mark.parametrize(
    "error",
    [
        DatabaseError(f"the database failed: unable to open {PLACE}"),
        StorageError(f"the file jobs/a could not be written: Generic LocalFileSystem error: {PLACE}"),
        ModelUnavailable(f"{PLACE} is empty"),
    ],
)
def test_an_error_of_a_library_stays_in_the_log(
    app: Flask,
    client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: StorageError,
) -> None:
    def fails(*args: Any, **kwargs: Any) -> Any:
        raise error

    monkeypatch.setattr(app.extensions[KEY].presets, "get", fails)
    assert_told(client.get("/v1/styles/a"), caplog.text, PLACE)


def test_a_place_that_fails_is_not_named(
    app: Flask, settings: Settings, client: FlaskClient, photo_png: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (settings.data / "blobs" / "styles").write_text("in the way")
    response = client.put("/v1/styles/a", json={"images": [{"image": b64(photo_png)}]})
    assert response.status_code == 500
    assert_told(response, caplog.text, str(settings.data))
    shutil.rmtree(settings.data / "blobs")
    ready = client.get("/readyz").get_json()["detail"]
    assert "there is no model" in ready
    assert "the blob store is gone" in ready
    assert "secret" not in ready


def test_the_error_of_a_job_names_no_place(queue: CountingQueue, leases: Leases) -> None:
    id = submit(queue)
    leases.fail(claimed(leases), StorageError(f"the file could not be read: {PLACE}"))
    error = queue.get(id).error
    assert error is not None
    assert "secret" not in json.dumps(error)


def test_a_worker_s_last_words_are_told_until_one_begins(
    settings: Settings, database: Database, client: FlaskClient
) -> None:
    last_words.keep(settings, last_words.words_of(OSError(13, "Permission denied", f"{PLACE}.onnx")))
    assert (
        "no worker is alive; the last one ended: PermissionError: [Errno 13] Permission denied: 'place.onnx'"
        in (client.get("/readyz").get_json()["detail"])
    )
    WorkerRegistry(database).heartbeat("here:1", Capacity(None, "float32"))
    assert "worker" not in client.get("/readyz").get_json()["detail"]


def test_what_is_said_of_a_killed_worker_is_kept_once_by_the_next_one(
    settings: Settings, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(last_words.VARIABLE, "worker 1 was killed by SIGKILL")
    last_words.keep_for_killed(settings)
    assert "worker 1 was killed by SIGKILL" in client.get("/readyz").get_json()["detail"]
    assert last_words.VARIABLE not in os.environ


def test_last_words_that_find_no_database_are_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    last_words.keep(Settings(data=tmp_path / "file"), "words")
    assert "last words could not be kept" in caplog.text


def test_the_web_server_s_own_500_has_an_id_too() -> None:
    refusal = refusal_for(OSError(PLACE))
    head, _, body = refusal.response().partition(b"\r\n\r\n")
    assert f"X-Request-ID: {json.loads(body)['request_id']}" in head.decode()
    assert b"secret" not in body


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("no model at /srv/a/vgg19.onnx (No such file)", "no model at vgg19.onnx (No such file)"),
        ("[Errno 13] Permission denied: '/data/service.db'", "[Errno 13] Permission denied: 'service.db'"),
        ("file:///data/blobs can't be opened", "blobs can't be opened"),
        ("sqlite:////data/service.db is locked", "service.db is locked"),
        ("/data/ is read-only", "data is read-only"),
        ('File "/usr/lib/x.py", line 3', 'File "x.py", line 3'),
        ("/my files/of me/x.png: Input/output error", "x.png: Input/output error"),
        ("/data/x.png (Input/output error)", "x.png (Input/output error)"),
        ("can't open '/my files/it's mine/a b.db'", "can't open 'a b.db'"),
        ("sqlite:////my data/service.db is locked", "service.db is locked"),
        ("error:/data (old)/a, b [2]/c:d/x.db", "error:x.db"),
        ("/my files/a and /my files/b", "a and b"),
        ("/a b/c\n/d e/f", "c\nf"),
        (
            "image/png, 1/2 of /v1/transfers, https://a.example/b",
            "image/png, 1/2 of /v1/transfers, https://a.example/b",
        ),
    ],
)
def test_paths_are_shortened_to_their_last_name(text: str, left: str) -> None:
    assert without_paths(text) == left


def test_a_store_is_opened_with_its_place_in_the_log_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=str(tmp_path)) as raised:
        Blobs((tmp_path / "file" / "blobs").as_uri())
    assert str(tmp_path) not in raised.value.public
    with pytest.raises(DatabaseError) as raised_too, closing(Database(f"sqlite:///{tmp_path}/file/service.db")):
        pass
    assert str(tmp_path) not in raised_too.value.public
