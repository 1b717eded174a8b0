"""The database's file or the blobs' folder is moved away under a running service, and comes back."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from front_door import b64, eventually, png
from werkzeug.test import TestResponse

from service.api.context import KEY, AppContext
from service.config import Settings
from service.errors import BlobsGone
from service.jobs.registry import WorkerRegistry
from service.machine.memory import Capacity
from service.storage import identity
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.web.app import create_app

PICTURE = b64(png(np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)))
BODY: dict[str, Any] = {"content": PICTURE, "styles": [{"image": PICTURE}], "size": 32, "iterations": 0}
SAVED = {"images": [{"image": PICTURE}]}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "model.onnx").touch()
    return Settings(data=tmp_path / "data", model=tmp_path / "model.onnx", starters=False)


@pytest.fixture
def asking(database: Database, client: FlaskClient) -> FlaskClient:
    """A client of a service that is ready."""
    WorkerRegistry(database).heartbeat("here:1", Capacity(None, "float32"))
    assert client.get("/readyz").status_code == 200
    return client


def refused(client: FlaskClient) -> list[TestResponse]:
    answers = [
        client.get("/readyz"),
        client.post("/v1/transfers", json=BODY),
        client.put("/v1/styles/wood", json=SAVED),
        client.delete("/v1/styles/wood"),
    ]
    assert [answer.status_code for answer in answers[:3]] == [503] * 3
    assert all(answer.headers["Retry-After"] for answer in answers[:3])
    return answers


@pytest.mark.parametrize("moved", ["blobs", "service.db", "."])
@pytest.mark.slow
def test_nothing_is_written_until_it_is_back(settings: Settings, asking: FlaskClient, moved: str) -> None:
    """Nothing is made in its place either, which would keep it from coming back."""
    place, aside = (settings.data / moved).resolve(), settings.data.with_name("aside")
    place.rename(aside)
    for answer in refused(asking)[:3]:
        assert str(settings.data) not in answer.get_json()["detail"]
        assert "was it moved away?" in answer.get_json()["detail"]
    assert not place.exists()
    aside.rename(place)
    assert asking.get("/readyz").status_code == 200
    assert asking.put("/v1/styles/wood", json=SAVED).status_code == 201
    assert asking.post("/v1/transfers", json=BODY).status_code == 202


@pytest.mark.parametrize("moved", ["blobs", "service.db"])
@pytest.mark.parametrize("how", ["moved", "removed"])
@pytest.mark.slow
def test_another_one_in_its_place_is_not_taken_for_it(
    settings: Settings, asking: FlaskClient, moved: str, how: str
) -> None:
    place, aside = settings.data / moved, settings.data / "aside"
    shutil.copytree(place, aside) if place.is_dir() else shutil.copy(place, aside)
    if how == "moved":
        place.rename(settings.data / "before")
    elif place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
    aside.rename(place)
    for answer in refused(asking)[:3]:
        assert "another file or folder lies in its place" in answer.get_json()["detail"]


@pytest.mark.parametrize("left", ["nothing", "a folder", "a file"])
@pytest.mark.slow
def test_a_process_that_starts_meanwhile_waits_for_the_blobs_too(
    settings: Settings, asking: FlaskClient, database: Database, left: str
) -> None:
    """An empty folder in their place, as under a disk that isn't mounted, gets nothing either."""
    eventually(lambda: identity.has_store(database), 30, "it was not tied")
    place, aside = settings.data / "blobs", settings.data / "aside"
    place.rename(aside)
    if left == "a folder":
        place.mkdir()
    elif left == "a file":
        place.touch()
    app = create_app(settings)
    client = app.test_client()
    for answer in refused(client)[:3]:
        detail = answer.get_json()["detail"]
        assert str(settings.data) not in detail
        assert "its file store/id can't be reached" in detail
        assert "python -m service accept-blobs --yes" in detail
    if left == "a folder":
        place.rmdir()  # it is still empty
    elif left == "a file":
        place.unlink()
    aside.rename(place)
    assert client.get("/readyz").status_code == 200
    assert client.put("/v1/styles/wood", json=SAVED).status_code == 201
    context: AppContext = app.extensions[KEY]
    context.watch.close()
    context.database.close()


def test_a_file_of_a_folder_that_is_gone_is_not_taken_for_lost(tmp_path: Path) -> None:
    """A reader tries again, and gives nothing up."""
    folder = tmp_path / "blobs"
    blobs = Blobs(folder.as_uri())
    blobs.put("jobs/a", b"a")
    folder.rename(tmp_path / "aside")
    for call in (lambda: blobs.get("jobs/a"), lambda: blobs.delete("jobs/a"), lambda: list(blobs.listing("jobs"))):
        with pytest.raises(BlobsGone):
            call()
    (tmp_path / "aside").rename(folder)
    assert blobs.get("jobs/a") == b"a"


def test_an_empty_store_stays_the_same_one(tmp_path: Path) -> None:
    blobs = Blobs((tmp_path / "blobs").as_uri())
    for _ in range(2):  # removing its only file also removes folders that are left empty
        blobs.check()


def test_a_database_may_be_named_by_sqlite_s_own_kind_of_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(Database(f"sqlite:///file:{tmp_path}/other.db?uri=true")) as database:
        database.check()
    assert (tmp_path / "other.db").exists()
