"""A preset is removed for good while jobs wait: no file goes that one of them needs, and few requests are read."""

from __future__ import annotations

import numpy as np
import pytest
from flask.testing import FlaskClient
from front_door import b64, png
from jobs.submitting import REQUEST
from sweep.swept import DAY_S, age

from service.api.context import KEY, AppContext
from service.config import Settings
from service.jobs import files_in_use
from service.jobs.files_in_use import not_in_use
from service.jobs.queue import Submission, new_id
from service.storage.blobs import Blobs
from service.storage.database import Database
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


def sweep_all(settings: Settings, database: Database) -> None:
    age(settings.data)
    sweep(database, Blobs(settings.blob_url), 0, DAY_S)


def test_files_go_at_once_that_no_waiting_job_needs(client: FlaskClient, settings: Settings) -> None:
    used, free = save(client, "used"), save(client, "free")
    post(client, "used")
    purge(client, "free")
    assert folders(settings) == {used}
    purge(client, "used")
    assert folders(settings) == {used}
    assert free != used


def test_where_many_jobs_wait_the_next_sweep_removes_the_files(
    client: FlaskClient, settings: Settings, database: Database
) -> None:
    used, free = save(client, "used"), save(client, "free")
    jobs = [post(client, "used") for _ in range(3)]
    purge(client, "free")
    purge(client, "used")
    assert folders(settings) == {used, free}
    sweep_all(settings, database)
    assert folders(settings) == {used}
    for job in jobs:
        client.delete(f"/v1/transfers/{job}")
    sweep_all(settings, database)
    assert folders(settings) == set()


def test_jobs_of_others_count_where_they_can_use_the_preset(client: FlaskClient) -> None:
    """Presets of the default tenant may be shared with all; those of others are their own."""
    context: AppContext = client.application.extensions[KEY]
    for name in ("acme", "other"):
        Tenants(context.database).add(name)
    for _ in range(3):
        context.queue.of("acme").submit(Submission(new_id(), REQUEST))
    found = {tenant: not_in_use(context.database, tenant, ["styles/x"]) for tenant in ("acme", "default", "other")}
    assert found == {"acme": set(), "default": set(), "other": {"styles/x"}}
