"""The pictures that a transfer was asked with."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import requests
from front_door import RunningService, b64, png


@pytest.fixture(scope="module")
def grey(photo: np.ndarray) -> bytes:
    """A mask in the photograph's shape, white on the left."""
    height, width = photo.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    mask[:, : width // 2] = 255
    return png(mask)


@pytest.mark.slow
def test_each_picture_is_listed_with_its_place_and_given_back(
    service: RunningService, photo_png: bytes, texture: np.ndarray, grey: bytes
) -> None:
    old, new, own, protect = (png(texture[i : i + 64, :96]) for i in (0, 70, 140, 210))
    service.put_style("files", old, new).raise_for_status()
    job = service.transfer(
        photo_png,
        {"preset": "files", "mask": b64(grey)},
        {"image": b64(own), "style_mask": b64(own)},
        size=64,
        iterations=0,
        protect=b64(photo_png),
        variants=[{"init": b64(own)}, {"styles": [{"image": b64(old)}]}],
    )
    assert service.put_style("files", protect).status_code == 200
    items = service.get(f"/v1/transfers/{job['id']}/files").json()["items"]
    base = {
        "content": photo_png, "protect": photo_png, "styles.0.images.0": old, "styles.0.images.1": new,
        "styles.0.mask": grey, "styles.1.image": own, "styles.1.style_mask": own,
    }  # fmt: skip
    first = {f"variants.0.{loc}": data for loc, data in base.items() if loc != "content"}
    second = {"variants.1.protect": photo_png, "variants.1.styles.0.image": old}
    expected = base | first | {"variants.0.init": own} | second
    assert {item["loc"]: item["sha256"] for item in items} == {
        loc: hashlib.sha256(data).hexdigest() for loc, data in expected.items()
    }
    for item in items:
        assert service.get(item["link"]).content == expected[item["loc"]]
    shown = {item["loc"]: (item["weight"], item["scale"]) for item in items}
    assert (shown["styles.0.images.1"], shown["styles.0.mask"]) == ((1.0, 1.0), (None, None))


def test_no_other_file_is_given_out(service: RunningService, photo_png: bytes, texture_png: bytes) -> None:
    job = service.transfer(photo_png, {"image": b64(texture_png)}, size=64, iterations=0)
    other = service.transfer(texture_png, {"image": b64(texture_png)}, size=64, iterations=0)
    for digest in (job["result"]["sha256"], hashlib.sha256(photo_png).hexdigest()):
        assert service.get(f"/v1/transfers/{other['id']}/files/{digest}").status_code == 404
    for wrong in ("checkpoint", "0" * 64, "..%2f..%2fservice.db"):
        assert service.get(f"/v1/transfers/{other['id']}/files/{wrong}").status_code in (404, 422)
    assert service.get("/v1/transfers/none/files").status_code == 404


@pytest.mark.slow
def test_a_pack_s_pictures_are_listed_without_a_link(
    service: RunningService, photo_png: bytes, texture: np.ndarray
) -> None:
    service.put_style("files-packed", png(texture[:64, :64])).raise_for_status()
    pack = service.get("/v1/styles/files-packed/pack").content
    kind = {"Content-Type": "application/octet-stream"}
    requests.put(f"{service.url}/v1/styles/files-pack/pack", data=pack, headers=kind, timeout=60).raise_for_status()
    job = service.transfer(photo_png, {"preset": "files-pack"}, size=64, iterations=0)
    items = {item["loc"]: item for item in service.get(f"/v1/transfers/{job['id']}/files").json()["items"]}
    picture = items["styles.0.images.0"]
    assert picture["sha256"] == service.get("/v1/styles/files-packed").json()["images"][0]["sha256"]
    assert picture["link"] is None
    assert service.get(f"/v1/transfers/{job['id']}/files/{picture['sha256']}").status_code == 404
