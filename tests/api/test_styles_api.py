"""/v1/styles over a real socket."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import requests
from front_door import RunningService, b64, png
from PIL import Image


def test_a_new_preset_is_201_and_shows_what_was_saved(service: RunningService, texture_png: bytes) -> None:
    response = service.put_style("ihc", texture_png, description="tissue")
    assert response.status_code == 201
    assert response.headers["Location"] == "/v1/styles/ihc"
    shown = service.get("/v1/styles/ihc").json()
    assert shown == response.json()
    assert shown["description"] == "tissue"
    (image,) = shown["images"]
    assert (image["width"], image["height"], image["weight"], image["scale"]) == (512, 512, 1.0, 1.0)
    assert len(image["sha256"]) == 64
    assert service.get(shown["links"]["self"]).json() == shown


def test_replacing_a_preset_is_200_and_keeps_its_date(
    service: RunningService, texture_png: bytes, photo_png: bytes
) -> None:
    before = service.put_style("twice", texture_png).json()
    response = service.put_style("twice", photo_png)
    assert response.status_code == 200
    after = response.json()
    assert after["created_at"] == before["created_at"]
    assert after["images"][0]["sha256"] != before["images"][0]["sha256"]


def test_the_thumbnail_is_a_small_jpeg_of_the_heaviest_image(service: RunningService) -> None:
    red, blue = (png(np.full((600, 300, 3), colour, np.uint8)) for colour in ((250, 5, 5), (5, 5, 250)))
    body = {"images": [{"image": b64(red), "weight": 0.2}, {"image": b64(blue), "weight": 0.8}]}
    assert requests.put(f"{service.url}/v1/styles/pair", json=body, timeout=30).status_code == 201
    response = service.get("/v1/styles/pair/image")
    assert response.headers["Content-Type"] == "image/jpeg"
    picture = Image.open(io.BytesIO(response.content)).convert("RGB")
    assert picture.size == (128, 256)
    pixel = picture.getpixel((60, 100))
    assert isinstance(pixel, tuple)
    assert pixel[2] > 200


def test_an_unchanged_thumbnail_is_304_and_a_replaced_one_is_not(
    service: RunningService, texture_png: bytes, photo_png: bytes
) -> None:
    service.put_style("tagged", texture_png)
    tag = service.get("/v1/styles/tagged/image").headers["ETag"]
    assert service.get("/v1/styles/tagged/image", headers={"If-None-Match": tag}).status_code == 304
    service.put_style("tagged", photo_png)
    assert service.get("/v1/styles/tagged/image", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.slow
def test_pages_go_through_all_presets_once_in_the_order_of_names(service: RunningService, texture_png: bytes) -> None:
    for name in ("page-c", "page-a", "page-b", "page-d", "page-e"):
        service.put_style(name, texture_png)
    names, cursor = [], ""
    while cursor is not None:
        page = service.get(f"/v1/styles?limit=2&cursor={cursor}" if cursor else "/v1/styles?limit=2").json()
        assert len(page["items"]) <= 2
        names += [item["name"] for item in page["items"]]
        cursor = page["next"]
    assert names == sorted(set(names))
    assert {"page-a", "page-b", "page-c", "page-d", "page-e"} <= set(names)


def test_a_deleted_preset_is_gone(service: RunningService, texture_png: bytes) -> None:
    service.put_style("brief", texture_png)
    url = f"{service.url}/v1/styles/brief"
    assert requests.delete(url, timeout=30).status_code == 204
    for response in (requests.get(url, timeout=30), requests.delete(url, timeout=30)):
        assert response.status_code == 404
        assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["Upper", "-dash", "a" * 64, "under_score", "umläut"])
def test_a_name_of_another_form_is_refused_in_words(service: RunningService, texture_png: bytes, name: str) -> None:
    response = service.put_style(name, texture_png)
    assert response.status_code == 422
    words = "must be 1 to 63 of a-z, 0-9 and -, and not begin with -"
    assert response.json()["errors"] == [{"loc": "name", "msg": words}]


def test_a_cursor_that_nobody_gave_is_refused(service: RunningService) -> None:
    surrogate = base64.urlsafe_b64encode(b'["\\ud800"]').decode()
    huge = base64.urlsafe_b64encode(b"[99999999999999999999]").decode()
    styles, transfers = "/v1/styles?cursor=", "/v1/transfers?cursor="
    for path in (f"{styles}nonsense", f"{styles}{surrogate}", f"{transfers}WyJhIl0", f"{transfers}{huge}"):
        response = service.get(path)
        assert response.status_code == 422
        assert response.json()["errors"][0]["loc"] == "cursor"
