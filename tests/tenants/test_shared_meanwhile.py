"""A preset that an admin shares while a request of a key without `admin` is read: the request changes it no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from front_door import b64, png
from styles.pack_files import some_pack

from service.api.context import KEY, AppContext
from service.api.http.body import PACK_TYPE
from service.api.views import painters, styles
from service.config import Settings
from service.jobs.registry import WorkerRegistry
from service.machine.memory import Capacity
from service.storage.lanes import ENGINE
from service.storage.schema import DEFAULT_TENANT
from service.styles.preset_changes import PresetChanges, change_preset
from service.tenants.keys import Keys
from service.tenants.scopes import ORDINARY
from service.web.app import create_app

WAVES = "/v1/styles/waves"
PACK = some_pack().to_bytes()
IMAGES = {"images": [{"image": b64(png(np.full((80, 80, 3), 90, np.uint8)))}]}


@pytest.fixture
def client(data_folder: Path) -> Iterator[FlaskClient]:
    """A client whose key has all scopes but `admin`."""
    app = create_app(Settings(data=data_folder, starters=False))
    context: AppContext = app.extensions[KEY]
    WorkerRegistry(context.database).heartbeat("host:1", Capacity(None, "float32"), "a" * 64, ENGINE)
    client = app.test_client()
    key = Keys(context.database).add(DEFAULT_TENANT, "plain", ORDINARY)
    client.environ_base["HTTP_X_API_KEY"] = key.text
    yield client
    context.watch.close()
    context.database.close()


@pytest.mark.parametrize(
    ("view", "reading", "sent"),
    [
        (styles, "fetch_pictures", {"path": WAVES, "json": IMAGES}),
        (styles, "_read_pack", {"path": f"{WAVES}/pack", "data": PACK, "content_type": PACK_TYPE}),
        (painters, "fetch_pictures", {"path": f"{WAVES}/painter", "json": {"size": 64}}),
    ],
)
def test_it_stays_as_it_is(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, view: Any, reading: str, sent: dict[str, Any]
) -> None:
    database, read = client.application.extensions[KEY].database, getattr(view, reading)
    assert client.put(WAVES, json=IMAGES).status_code == 201

    def read_while_it_is_shared(*arguments: Any) -> Any:
        change_preset(database, "waves", PresetChanges(shared=True))
        return read(*arguments)

    monkeypatch.setattr(view, reading, read_while_it_is_shared)
    before = client.get(WAVES).get_json()
    answer = client.put(**sent)
    assert (answer.status_code, answer.get_json()["type"]) == (403, "urn:nst:problem:missing-scope")
    assert client.get(WAVES).get_json() == before | {"shared": True}
    assert client.get(f"{WAVES}/versions").json == {"items": []}
