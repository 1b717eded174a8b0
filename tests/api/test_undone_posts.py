"""What a POST stored goes again where its job certainly wasn't taken in."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from front_door import b64

from service.config import Settings
from service.errors import DatabaseError, DatabaseFull
from service.jobs.queue import Queue


def _failed(undone: bool) -> DatabaseError:
    error = DatabaseError("the server went away")
    error.undone = undone
    return error


@pytest.fixture
def body(photo_png: bytes) -> dict[str, Any]:
    return {"content": b64(photo_png), "styles": [{"image": b64(photo_png)}], "size": 64}


@pytest.mark.parametrize(
    ("error", "stay"), [(DatabaseFull("no room"), False), (_failed(True), False), (_failed(False), True)]
)
def test_pictures_stay_only_where_there_may_be_a_job(
    client: FlaskClient, settings: Settings, body: dict[str, Any], error: Exception, stay: bool
) -> None:
    def submit(*_: Any) -> None:
        raise error

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Queue, "submit", submit)
        assert client.post("/v1/transfers", json=body).status_code in (503, 507)
    jobs = settings.data / "blobs" / "jobs"
    assert any(path.is_file() for path in jobs.rglob("*")) is stay
