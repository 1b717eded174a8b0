"""Files of presets that go: at once, but for those that waiting jobs need, which count until they are removed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from front_door import b64, png
from jobs.submitting import REQUEST
from styles.pack_files import some_pack
from sweep.swept import DAY_S

from service.api.context import KEY, AppContext
from service.config import Settings
from service.errors import DatabaseError
from service.jobs import files_in_use
from service.jobs.files_in_use import not_in_use
from service.jobs.queue import Submission, new_id
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.records import PresetPainter
from service.storage.tenant_amounts import amounts_of
from service.styles import preset_versions
from service.styles.preset_painters import PackedPainter
from service.tenants.tenants import Tenants
from service.worker.sweep import sweep

PHOTO = b64(png(np.full((40, 40, 3), 90, np.uint8)))


@pytest.fixture(autouse=True)
def few_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_in_use, "LOOKED_THROUGH", 2)


def save(client: FlaskClient, name: str) -> str:
    """Save a preset; return the name of its folder."""
    context: AppContext = client.application.extensions[KEY]
    assert client.put(f"/v1/styles/{name}", json={"images": [{"image": PHOTO}]}).status_code == 201
    return context.presets.get(name).version


def post(client: FlaskClient, name: str) -> str:
    """Post a transfer with a preset, which waits as there is no worker; return its id."""
    answer = client.post("/v1/transfers", json={"content": PHOTO, "styles": [{"preset": name}], "size": 64})
    assert answer.status_code == 202
    return str(answer.json["id"])  # type: ignore[index]


def purge(client: FlaskClient, name: str) -> None:
    assert client.delete(f"/v1/styles/{name}?purge=true").status_code == 204


def folders(settings: Settings) -> set[str]:
    """The folders with files of presets."""
    return {path.parent.name for path in settings.data.glob("blobs/styles/*/*")}


def stored(client: FlaskClient) -> int:
    """The bytes that the default tenant's files count."""
    context: AppContext = client.application.extensions[KEY]
    with context.database.reading() as session:
        return amounts_of(session, "default").stored_bytes


def test_files_go_at_once_that_no_waiting_job_needs(client: FlaskClient, settings: Settings) -> None:
    used, free = save(client, "used"), save(client, "free")
    post(client, "used")
    purge(client, "free")
    assert folders(settings) == {used}
    purge(client, "used")
    assert folders(settings) == {used}
    assert free != used


def test_files_that_a_waiting_job_keeps_count_until_they_are_removed(client: FlaskClient, settings: Settings) -> None:
    save(client, "used")
    of_preset = stored(client)
    job = post(client, "used")
    counted = stored(client)
    purge(client, "used")
    assert stored(client) == counted
    client.delete(f"/v1/transfers/{job}")
    assert stored(client) == of_preset
    other = save(client, "other")  # whoever changes a preset removes what isn't needed any more
    assert folders(settings) == {other}
    purge(client, "other")
    assert (folders(settings), stored(client)) == (set(), 0)


def test_where_many_jobs_wait_the_next_sweep_removes_the_files(
    client: FlaskClient, settings: Settings, database: Database
) -> None:
    used, free = save(client, "used"), save(client, "free")
    jobs = [post(client, "used") for _ in range(3)]
    counted = stored(client)
    purge(client, "free")
    purge(client, "used")
    assert (folders(settings), stored(client)) == ({used, free}, counted)
    blobs = Blobs(settings.blob_url)
    sweep(database, blobs, 0, DAY_S)
    assert folders(settings) == {used}
    assert 0 < stored(client) < counted
    for job in jobs:
        client.delete(f"/v1/transfers/{job}")
    sweep(database, blobs, 0, DAY_S)
    assert (folders(settings), stored(client)) == (set(), 0)


def test_states_that_are_too_many_go_with_their_files(
    client: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = some_pack()
    monkeypatch.setattr(AppContext, "model_sha256", lambda _: pack.model)
    monkeypatch.setattr(preset_versions, "KEPT", 2)
    bodies: list[dict[str, Any]] = [
        {"json": {"images": [{"image": PHOTO}]}},
        {"data": pack.to_bytes(), "content_type": "application/octet-stream"},
    ]
    for path, body in zip(("/v1/styles/a", "/v1/styles/a/pack"), bodies, strict=True):
        for _ in range(4):
            assert client.put(path, **body).status_code in (200, 201)
        assert len(folders(settings)) == 3
    monkeypatch.setattr(preset_versions, "KEPT", 1)
    context: AppContext = client.application.extensions[KEY]
    oldest = context.versions.former("a")[-1].version
    assert client.post("/v1/styles/a/restore", json={"version": oldest}).status_code == 200
    assert len(folders(settings)) == 2
    assert client.delete("/v1/styles/a").status_code == 204
    assert folders(settings) == {oldest}
    purge(client, "a")
    assert (folders(settings), stored(client)) == (set(), 0)


def test_the_files_of_a_painter_go_with_it(client: FlaskClient, settings: Settings) -> None:
    context: AppContext = client.application.extensions[KEY]
    pack, painter = some_pack(), PackedPainter(bytes(5000), PresetPainter(counted=5000))
    context.presets.put_pack("a", pack.to_bytes(), pack, painter=painter)
    counted = stored(client)
    assert client.delete("/v1/styles/a/painter").status_code == 204
    assert list(settings.data.glob("blobs/painters/*/*")) == []
    assert stored(client) == counted - 5000


def test_what_can_not_be_noted_as_removed_is_an_affair_of_the_sweep(
    client: FlaskClient, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise DatabaseError("the server is gone")

    save(client, "a")
    with monkeypatch.context() as patched:
        patched.setattr(files_in_use, "count_no_longer", fails)
        purge(client, "a")
    assert folders(settings) == set()
    assert stored(client) > 0
    sweep(database, Blobs(settings.blob_url), 0, DAY_S)
    assert stored(client) == 0


def test_jobs_of_others_count_where_they_can_use_the_preset(client: FlaskClient) -> None:
    """Presets of the default tenant may be shared with all; those of others are their own."""
    context: AppContext = client.application.extensions[KEY]
    for name in ("acme", "other"):
        Tenants(context.database).add(name)
    for _ in range(3):
        context.queue.of("acme").submit(Submission(new_id(), REQUEST))
    found = {tenant: not_in_use(context.database, tenant, ["styles/x"]) for tenant in ("acme", "default", "other")}
    assert found == {"acme": set(), "default": set(), "other": {"styles/x"}}
