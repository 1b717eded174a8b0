"""What a POST stored goes again where its job certainly wasn't taken in. One that was is answered."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from front_door import b64
from jobs.submitting import REQUEST

from service.config import Settings
from service.errors import DatabaseError, DatabaseFull
from service.jobs.batches import Batches
from service.jobs.deliveries import Deliveries
from service.jobs.limits import Limits
from service.jobs.line import Line
from service.jobs.queue import Queue, Submission
from service.storage.database import Database


def _failed(undone: bool) -> DatabaseError:
    error = DatabaseError("the server went away")
    error.undone = undone
    return error


@pytest.fixture
def body(photo_png: bytes) -> dict[str, Any]:
    return {"content": b64(photo_png), "styles": [{"image": b64(photo_png)}], "size": 64}


@pytest.mark.parametrize("look", [(Deliveries, "of_job"), (Deliveries, "of_pictures"), (Line, "places")])
def test_a_transfer_is_answered_though_what_became_of_its_messages_can_not_be_looked_up(
    client: FlaskClient, database: Database, look: tuple[type, str]
) -> None:
    def fails(*_: Any) -> None:
        raise _failed(False)

    hook, to = "https://hooks.example.com/", {"url": "https://bucket.example.com/", "headers": {}}
    Queue(database, Limits()).submit(Submission("job", REQUEST, callback_url=hook, deliver=to))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(look[0], look[1], fails)
        for _ in range(2):
            answer = client.post("/v1/transfers/job/cancel")
            assert (answer.status_code, (answer.json or {})["status"]) == (202, "canceled")


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


@pytest.mark.parametrize(
    "look", [(Batches, "states"), (Batches, "last_waiting"), (Line, "until_ends"), (Deliveries, "of_jobs")]
)
def test_a_batch_that_is_stored_is_answered_though_its_jobs_can_not_be_looked_up(
    client: FlaskClient, body: dict[str, Any], look: tuple[type, str]
) -> None:
    """A caller that got an error would submit it again."""

    def fails(*_: Any) -> None:
        raise _failed(False)

    contents = {"contents": [body.pop("content")] * 3}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(look[0], look[1], fails)
        answer = client.post("/v1/batches", json=body | contents)
    assert answer.status_code == 202, answer.text
    told, found = answer.json or {}, client.get(answer.headers["Location"]).json or {}
    for shown in ("id", "status", "counts", "fraction", "links"):
        assert told[shown] == found[shown]
