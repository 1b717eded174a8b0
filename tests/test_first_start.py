"""A first run isn't empty: the service's own presets are there at its first start, and only then."""

from __future__ import annotations

import contextlib
import io
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from broker.parts import Part, web_alone
from front_door import RunningService, b64, eventually
from PIL import Image
from tenants.people import AT_ONCE, Person, command, first_by_command, person_by_command

from service.storage.blobs import Blobs
from service.storage.database import Database
from service.styles.presets import Presets
from service.styles.starters.loading import STARTERS, load

pytestmark = pytest.mark.slow

NAMES = sorted(starter.name for starter in STARTERS)
LEARNED = any(starter.painter.exists() for starter in STARTERS)
FIRST = {"starters": "on", "web_workers": 2}
SAVED = f"saved {len(NAMES)} presets to begin with"


def listed(service: RunningService) -> list[str]:
    return [item["name"] for item in service.get("/v1/styles?limit=100").json()["items"]]


def names(person: Person) -> list[str]:
    return [item["name"] for item in person.get("/v1/styles?limit=100").json()["items"]]


def delete(service: RunningService, name: str) -> None:
    assert requests.delete(f"{service.url}/v1/styles/{name}", timeout=30).status_code == 204


def until_saved(service: RunningService) -> None:
    eventually(lambda: listed(service) == NAMES, 30, f"not saved; the log:\n{service.log.read_text()}")


@pytest.fixture(scope="module")
def begun(real_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service at its first start, without keys. The painters of the starters learned from its model."""
    with RunningService(real_model, tmp_path_factory.mktemp("begun"), **FIRST) as service:
        assert listed(service) == NAMES, "it said that it was ready before"
        yield service


def test_the_folder_of_data_is_for_its_user_alone(begun: RunningService) -> None:
    (database,) = begun.log.parent.rglob("service.db")
    assert database.parent.stat().st_mode & 0o777 == 0o700


def test_a_turn_at_an_idle_worker_is_now_though_no_job_has_ended(begun: RunningService, photo_png: bytes) -> None:
    body = {"content": b64(photo_png), "styles": [{"preset": NAMES[0]}], "size": 64}

    def estimate() -> dict[str, Any]:
        found: dict[str, Any] = begun.post_to("/v1/estimates", body).json()
        return found

    eventually(
        lambda: estimate()["queue"] == {"position": 1, "eta_seconds": 0.0}, 60, f"the turn isn't now: {estimate()}"
    )
    assert estimate()["seconds"] is None


def test_they_are_there_and_can_be_used(begun: RunningService, photo_png: bytes) -> None:
    for name in NAMES:
        shown = begun.get(f"/v1/styles/{name}/image")
        assert shown.headers["Content-Type"] == "image/jpeg"
        assert Image.open(io.BytesIO(shown.content)).size == (256, 256)
        job = begun.transfer(photo_png, {"preset": name}, size=64, iterations=2)
        assert job["status"] == "succeeded", job


@pytest.mark.skipif(not LEARNED, reason="no starter has a painter yet: make painters")
def test_a_new_service_paints_with_the_painter_of_each(begun: RunningService, photo_png: bytes) -> None:
    for name in NAMES:
        painter = f"/v1/styles/{name}/painter"
        eventually(lambda at=painter: begun.get(at).json().get("status") == "ready", 90, "it has no painter")
        shown = begun.get(painter).json()
        assert [shown[fact] for fact in ("size", "steps", "seconds", "judged")] == [512, None, None, None]
        job = begun.transfer(photo_png, {"preset": name}, size=64, method="painter")
        assert job["status"] == "succeeded", job["error"]


def test_what_was_there_without_keys_is_the_default_tenant_s_and_the_starters_are_shared(
    begun: RunningService, texture_png: bytes, photo_png: bytes
) -> None:
    begun.put_style("former", texture_png).raise_for_status()
    job = begun.transfer(photo_png, {"preset": "former"}, size=64, iterations=1)
    assert command(begun, "tenants", "add", "late").returncode == 0
    late = first_by_command(begun, "--tenant", "late")
    with ThreadPoolExecutor(AT_ONCE) as threads:  # both web processes answer some

        def is_closed() -> bool:
            return all(threads.map(lambda _: begun.get("/v1/styles").status_code == 401, range(3 * AT_ONCE)))

        eventually(is_closed, 60, "no key is asked for")
    assert (len(names(late)), "former" in names(late)) == (10, False)
    assert late.get("/v1/styles/mosaic/painted").status_code == 200
    assert late.get(f"/v1/transfers/{job['id']}").status_code == 404
    first = person_by_command(begun)
    assert "former" in names(first)
    assert first.get(f"/v1/transfers/{job['id']}").status_code == 200
    assert first.delete("/v1/styles/mosaic").status_code == 204
    assert "mosaic" not in names(late)


def test_they_are_saved_once_and_stay_deleted(begun: RunningService, real_model: Path) -> None:
    """From here on the service has a key."""
    first = first_by_command(begun)
    assert first.delete("/v1/styles/ink").status_code == 204
    left = names(first)
    assert set(NAMES) - set(left) >= {"ink"}
    begun.stop()
    with web_alone(real_model, begun.data, **FIRST) as service:
        load_again(service)
        assert names(Person(service, first.key)) == left
        assert service.log.read_text().count(SAVED) == 1


def test_neither_a_service_without_them_nor_one_that_has_presets_gets_any(
    narrow_model: Path, tmp_path: Path, photo_png: bytes
) -> None:
    with web_alone(narrow_model, tmp_path, starters="off") as service:
        assert listed(service) == []
        service.put_style("own", photo_png)
    with web_alone(narrow_model, tmp_path, starters="on") as service:
        eventually(lambda: marked(service), 30, "no mark was left")
        assert listed(service) == ["own"]
        delete(service, "own")
        load_again(service)
        assert listed(service) == []
    assert SAVED not in service.log.read_text()


def test_a_process_killed_while_it_saves_them_leaves_none_and_the_next_saves_all_once_the_store_works(
    narrow_model: Path, tmp_path: Path
) -> None:
    service = Part("web", narrow_model, tmp_path, starters="on")
    Database(f"sqlite:///{tmp_path / 'service.db'}").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "service.db", timeout=30)) as other:
        other.execute("INSERT INTO marks (name, made_at) VALUES ('starters wanted', 0)")
        other.commit()
        other.execute("BEGIN IMMEDIATE")  # it can write the files but not the rows
        service.start(wait=False)
        eventually(lambda: len(files(tmp_path)) == 2 * len(NAMES), 30, "the files were not written")
        service.kill_everything()
        other.rollback()
        assert other.execute("SELECT count(*) FROM presets").fetchone() == (0,)
    folder = tmp_path / "blobs" / "styles"
    folder.rename(tmp_path / "left")
    folder.write_text("in the way")
    with web_alone(narrow_model, tmp_path, starters="on") as service:  # which a store that fails doesn't delay
        eventually(lambda: "WARNING" in service.log.read_text(), 30, "nothing was said")
        assert listed(service) == []
        folder.unlink()
        until_saved(service)


def files(data: Path) -> list[Path]:
    return [path for path in (data / "blobs").rglob("*") if path.is_file() and "#" not in path.name]


def load_again(service: RunningService) -> None:
    """Do what a web server does in a thread after each start, so that the test needn't wait for it."""
    with contextlib.closing(Database(f"sqlite:///{service.data}/service.db")) as database:
        load(Presets(database, Blobs((service.data / "blobs").as_uri())))


def marked(service: RunningService) -> bool:
    with contextlib.closing(sqlite3.connect(service.data / "service.db", timeout=30)) as database:
        return bool(database.execute("SELECT name FROM marks WHERE name = 'starters'").fetchall())
