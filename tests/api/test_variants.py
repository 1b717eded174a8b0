"""Several pictures of one transfer: each what a transfer of its own would give."""

from __future__ import annotations

import hashlib
import io
import json

import numpy as np
import pytest
import requests
from api.controls import (
    LONG,
    OTHER,
    PHOTO,
    QUICK,
    STYLE,
    assert_refused,
    decoded,
    digests,
    distance,
    grey,
    painted,
    picture,
)
from front_door import RunningService, b64, eventually, png
from PIL import Image

from service.api.http.caching import FOREVER, REVALIDATE
from service.pictures import images
from service.pictures.sheet import CELL, GAP


@pytest.mark.slow
def test_each_variant_is_what_a_transfer_of_its_own_gives(service: RunningService) -> None:
    own = [{}, {"style_weight": 0.1, "optimizer": "adam"}, {"styles": [OTHER], "init": "random", "seed": 3}]
    job = painted(service, STYLE, variants=own)
    assert len(set(digests(job))) == 3
    for i, options in enumerate(own):
        alone = painted(service, **{"styles": [STYLE]} | options)
        assert job["result"]["variants"][i] == alone["result"]["variants"][0]
        image = service.get(f"/v1/transfers/{job['id']}/image?variant={i}")
        assert hashlib.sha256(image.content).hexdigest() == digests(alone)[0]
        assert image.headers["ETag"] == f'"{digests(alone)[0]}"'


def test_the_first_variant_is_the_transfers_own_picture(service: RunningService) -> None:
    job = painted(service, STYLE, variants=[{"style_weight": 0.2}, {}])
    first = service.get(job["links"]["image"])
    assert hashlib.sha256(first.content).hexdigest() == job["result"]["sha256"] == digests(job)[0]
    assert job["result"]["losses"] == job["result"]["variants"][0]["losses"]
    beyond = service.get(f"/v1/transfers/{job['id']}/image?variant=2")
    assert beyond.status_code == 404
    assert beyond.headers["Content-Type"] == "application/problem+json"
    assert_refused(service.get(f"/v1/transfers/{job['id']}/image?variant=-1"), "variant")


def test_a_transfer_without_variants_has_one_and_no_sheet(service: RunningService) -> None:
    job = painted(service, STYLE, iterations=0)
    assert digests(job) == [job["result"]["sha256"]]
    assert np.array_equal(picture(service, job), PHOTO)
    assert service.get(f"/v1/transfers/{job['id']}/image?variant=1").status_code == 404
    assert service.get(f"/v1/transfers/{job['id']}/sheet").status_code == 404
    assert "sheet" not in job["links"]


def test_the_sheet_shows_the_content_and_each_picture_in_turn(service: RunningService) -> None:
    first = np.roll(PHOTO, 20, axis=2)
    job = painted(service, STYLE, iterations=0, variants=[{"init": b64(png(255 - first))}, {"init": b64(png(first))}])
    response = service.get(job["links"]["sheet"])
    known = {"If-None-Match": response.headers["ETag"]}
    assert requests.get(service.url + job["links"]["sheet"], headers=known, timeout=60).status_code == 304
    assert response.headers["Cache-Control"] == FOREVER
    assert response.headers["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(response.content)).format == "JPEG"
    sheet = decoded(response)
    shown = [PHOTO, 255 - first, first]
    assert sheet.shape[1] == len(shown) * (CELL + GAP) + GAP
    for i, small in enumerate(shown):
        large = images.resize_long_edge(small, CELL)
        left = GAP + i * (CELL + GAP)
        assert distance(sheet[GAP : GAP + large.shape[0], left : left + CELL], large) < 4


def test_each_variant_has_a_format_of_its_own(service: RunningService) -> None:
    own = [{"format": "jpeg", "quality": 30}, {"format": "webp"}, {}]
    job = painted(service, STYLE, iterations=0, format="png", variants=own)
    kinds = []
    for i, variant in enumerate(job["result"]["variants"]):
        response = service.get(f"/v1/transfers/{job['id']}/image?variant={i}")
        assert response.headers["Content-Type"] == variant["media_type"]
        kinds.append(Image.open(io.BytesIO(response.content)).format)
    assert kinds == ["JPEG", "WEBP", "PNG"]


def test_the_progress_counts_the_iterations_of_all_variants(service: RunningService) -> None:
    job = painted(service, STYLE, iterations=2, variants=[{}, {"iterations": 5}, {"iterations": 0}])
    assert job["progress"]["iterations"] == job["progress"]["iteration"] == 7
    assert job["result"]["iterations"] == 7
    assert [variant["iterations"] for variant in job["result"]["variants"]] == [2, 5, 0]
    assert [own.get("iterations") for own in job["options"]["variants"]] == [None, 5, 0]


@pytest.mark.slow
def test_the_styles_may_stand_in_the_variants_alone(service: RunningService) -> None:
    job = painted(service, variants=[{"styles": [STYLE]}, {"styles": [OTHER]}])
    assert digests(job) == [painted(service, style)["result"]["sha256"] for style in (STYLE, OTHER)]


@pytest.mark.parametrize("fields, locs", [
    ({"variants": [{"content": QUICK["content"]}]}, ["variants.0.content"]),
    ({"variants": [{"size": 64}]}, ["variants.0.size"]),
    ({"variants": [{}, {"seed": -1}]}, ["variants.1.seed"]),
    ({"variants": [{}, {"seed": 1, "style_layers": {"relu9_9": 1.0}}]}, ["variants.1.style_layers.relu9_9"]),
    ({"variants": [{}, {"styles": [STYLE, {"preset": "never-saved"}]}]}, ["variants.1.styles.1.preset"]),
    ({"variants": [{}] * 17}, ["variants"]),
    ({"variants": []}, ["variants"]),
    ({"variants": [{"variants": [{}]}]}, ["variants.0.variants"]),
    ({"variants": [{"priority": 1}]}, ["variants.0.priority"]),
])  # fmt: skip
def test_a_variant_that_is_wrong_is_named(
    service: RunningService, fields: dict[str, object], locs: list[str]
) -> None:
    assert_refused(service.post(QUICK | {"styles": [STYLE]} | fields), *locs)


@pytest.mark.parametrize("fields, loc", [
    ({"style_layers": {"relu9_9": 1.0}}, "style_layers.relu9_9"), ({"protect": grey(9, 48, 64)}, "protect"),
    ({"styles": [{"preset": "never-saved"}]}, "styles.0.preset"),
])  # fmt: skip
def test_what_is_wrong_beside_the_variants_is_named_there(
    service: RunningService, fields: dict[str, object], loc: str
) -> None:
    assert_refused(service.post(QUICK | {"styles": [STYLE], "variants": [{}, {"seed": 1}]} | fields), loc)


def test_styles_that_are_nowhere_are_missed(service: RunningService) -> None:
    assert_refused(service.post(QUICK), "styles")
    assert_refused(service.post(QUICK | {"variants": [{"styles": [STYLE]}, {}]}), "variants.1.styles")


def test_a_key_that_comes_again_with_other_variants_is_refused(service: RunningService) -> None:
    body = QUICK | {"styles": [STYLE], "iterations": 0, "variants": [{}, {"seed": 0}]}
    key = {"Idempotency-Key": "some-variants"}
    first = service.post(body, **key, Prefer="wait=60").json()
    assert service.post(body, **key).json()["id"] == first["id"]
    others: list[list[dict[str, int]]] = [[{}, {}], [{}, {"seed": 1}], [{"seed": 0}, {}], [{}]]
    for variants in others:
        response = service.post(body | {"variants": variants}, **key)
        assert response.status_code == 422, variants


@pytest.mark.slow
def test_a_series_that_is_canceled_keeps_the_pictures_that_are_finished(service: RunningService) -> None:
    variants = [{"iterations": 2}, {}, {"iterations": 1}]
    id = service.post(LONG | {"styles": [STYLE], "variants": variants}).json()["id"]
    eventually(lambda: service.job(id)["progress"]["iteration"] > 2, 30, "the second picture is not begun")
    running = service.job(id)
    assert running["progress"]["iterations"] == 5003
    assert 2 / 5003 < running["progress"]["fraction"] < 1
    assert running["progress"]["pictures"] == 1
    first = service.get(f"/v1/transfers/{id}/image?variant=0")
    assert first.headers["Cache-Control"] == REVALIDATE
    assert decoded(first).shape == (96, 128, 3)
    unfinished = {path: service.get(f"/v1/transfers/{id}/{path}") for path in ("image", "image?variant=1", "sheet")}
    assert {path: response.status_code for path, response in unfinished.items()} == dict.fromkeys(unfinished, 409)
    assert unfinished["image?variant=1"].json()["detail"] == "picture 1 isn't finished: 1 of 3 are"
    assert service.get(f"/v1/transfers/{id}/image?variant=3").status_code == 404
    service.cancel(id)
    job = service.ended(id, 20)
    assert job["status"] == "canceled"
    assert job["result"] is None
    assert job["progress"]["pictures"] == 1
    kept = service.get(f"/v1/transfers/{id}/image?variant=0")
    assert kept.content == first.content
    assert job["usage"]["bytes_out"] == len(kept.content)
    unfinished = {path: service.get(f"/v1/transfers/{id}/{path}") for path in unfinished}
    assert {path: response.status_code for path, response in unfinished.items()} == dict.fromkeys(unfinished, 409)
    assert "1 of 3 are; the transfer is canceled" in unfinished["image?variant=1"].json()["detail"]
    assert service.get(f"/v1/transfers/{id}/image?variant=3").status_code == 404
    assert requests.delete(f"{service.url}/v1/transfers/{id}", timeout=30).status_code == 204
    assert not (service.data / "blobs" / "jobs" / id).exists()


def test_the_style_pictures_of_all_variants_have_a_bound(service: RunningService) -> None:
    """Nothing is submitted: 15 variants and what they have in common come to 512, 16 to 544."""
    pictures = [png(np.full((48, 64, 3), i, np.uint8)) for i in range(16)]
    assert service.put_style("sixteen", *pictures).status_code == 201
    body = QUICK | {"styles": [{"preset": "sixteen"}] * 2}
    assert service.post_to("/v1/estimates", body | {"variants": [{}] * 15}).status_code == 200
    assert_refused(service.post_to("/v1/estimates", body | {"variants": [{}] * 16}), "variants")


def test_the_request_of_a_transfer_has_a_bound_in_bytes(service: RunningService) -> None:
    """Nothing is submitted: the row of each job would hold the name of each picture with each variant."""
    variants = [{"styles": [{"image": "file:style", "mask": "file:mask", "style_mask": "file:mask"}] * 16}] * 16
    request = {"request": json.dumps(QUICK | {"content": "file:style", "variants": variants})}
    mask = png(np.full((48, 64), 200, np.uint8))

    def estimated(name: str) -> requests.Response:
        files = {"style": (name, png(PHOTO)), "mask": (name, mask)}
        return requests.post(f"{service.url}/v1/estimates", data=request, files=files, timeout=60)

    assert estimated("a.png").status_code == 200
    assert_too_large(estimated("a" * 196 + ".png"), "262,144 is the most")


def test_the_requests_of_a_batch_have_a_bound_in_bytes_together(service: RunningService) -> None:
    pictures = [png(np.full((48, 64, 3), i, np.uint8)) for i in range(16)]
    assert service.put_style("sixteen", *pictures).status_code in (200, 201)
    recipe = QUICK | {"styles": [{"preset": "sixteen"}] * 2, "variants": [{}] * 15}
    assert service.post_to("/v1/estimates", recipe).status_code == 200
    contents = [recipe.pop("content")] * 500
    before = service.get("/v1/batches").json()["items"]
    assert_too_large(service.post_to("/v1/batches", recipe | {"contents": contents}), "67,108 is the most with 500")
    assert service.get("/v1/batches").json()["items"] == before


def assert_too_large(response: requests.Response, bound: str) -> None:
    assert response.status_code == 413, response.text
    problem = response.json()
    assert problem["type"] == "urn:nst:problem:body-too-large"
    assert [error["loc"] for error in problem["errors"]] == ["variants"]
    assert bound in problem["detail"]
