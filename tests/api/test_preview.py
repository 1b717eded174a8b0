"""The newest preview of a transfer."""

from __future__ import annotations

import io

import pytest
from api.listening import Stream
from flask import Flask
from flask.testing import FlaskClient
from front_door import RunningService, b64
from jobs.submitting import claimed, submit
from PIL import Image

from service.api.context import KEY, AppContext
from service.jobs.leases import Leases
from service.jobs.request import job_blob
from service.storage.records import Preview


@pytest.fixture
def context(app: Flask) -> AppContext:
    context: AppContext = app.extensions[KEY]
    return context


def test_there_is_none_of_an_unknown_job_and_none_yet_of_a_waiting_one(
    client: FlaskClient, context: AppContext
) -> None:
    assert client.get("/v1/transfers/unknown/preview").status_code == 404
    response = client.get(f"/v1/transfers/{submit(context.queue)}/preview")
    assert response.status_code == 409
    assert response.headers["Content-Type"] == "application/problem+json"
    assert "queued" in response.get_json()["detail"]


def test_it_is_the_newest_one_and_kept_by_whoever_has_it(client: FlaskClient, context: AppContext) -> None:
    id = submit(context.queue)
    leases = Leases(context.database, lease_s=60)
    claim, blob, tags = claimed(leases), job_blob(id, "preview-1.jpg"), set()
    for picture in (b"\xff\xd8first\xff\xd9", b"\xff\xd8second\xff\xd9"):
        context.blobs.put(blob, picture)
        leases.report(claim, preview=Preview(blob, 1, 8, 8))
        response = client.get(f"/v1/transfers/{id}/preview")
        assert (response.status_code, response.data, response.mimetype) == (200, picture, "image/jpeg")
        assert response.headers["Cache-Control"] == "private, no-cache"
        tag = response.headers["ETag"]
        tags.add(tag)
        again = client.get(f"/v1/transfers/{id}/preview?event=7", headers={"If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")
    assert len(tags) == 2


def test_a_canceled_job_keeps_the_picture_it_had_come_to(
    service: RunningService, photo_png: bytes, texture_png: bytes
) -> None:
    body = {"content": b64(photo_png), "styles": [{"image": b64(texture_png)}], "size": 512, "iterations": 5000}
    id = service.post(body).json()["id"]
    with Stream(service, id) as stream:
        preview = next(event for event in stream.events if event.name == "preview")
        shown = service.get(preview.data["url"])
        assert shown.headers["Content-Type"] == "image/jpeg"
        service.cancel(id)
        rest = list(stream.events)
    assert rest[-1].data["links"]["preview"] == f"/v1/transfers/{id}/preview"
    newest = [event for event in [preview, *rest] if event.name == "preview"][-1]
    picture = Image.open(io.BytesIO(service.get(newest.data["url"]).content))
    assert picture.format == "JPEG"
    assert picture.size == (newest.data["width"], newest.data["height"])
