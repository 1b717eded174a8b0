"""Content and style images, as they were sent."""

from __future__ import annotations

import numpy as np
import pytest
from front_door import RunningService, b64, png
from picture_files import encoded

KINDS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")


@pytest.fixture(scope="module")
def pictures(texture: np.ndarray) -> dict[str, bytes]:
    return {kind: encoded(texture[i : i + 64, :96], kind) for i, kind in enumerate(KINDS)}


@pytest.fixture(scope="module")
def preset(service: RunningService, pictures: dict[str, bytes]) -> str:
    assert service.put_style("originals", *pictures.values()).ok
    return "/v1/styles/originals/images"


def test_a_transfer_gives_back_its_pictures(service: RunningService, preset: str, photo_png: bytes) -> None:
    job = service.transfer(photo_png, {"preset": "originals"}, size=64, iterations=0)
    here = job["links"]["self"]
    content = service.get(f"{here}/content")
    assert (content.content, content.headers["Content-Type"]) == (photo_png, "image/png")
    assert "immutable" in content.headers["Cache-Control"]
    assert content.headers["X-Content-Type-Options"] == "nosniff"
    again = service.get(f"{here}/content", headers={"If-None-Match": content.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert service.get(f"{here}/styles/0").content == service.get(f"{preset}/0").content
    for missing in ("styles/1", "styles/-1", "styles/x"):
        assert service.get(f"{here}/{missing}").status_code in (404, 422)
    assert service.get("/v1/transfers/unknown/content").status_code == 404


def test_a_preset_gives_back_each_of_its_pictures(
    service: RunningService, preset: str, pictures: dict[str, bytes]
) -> None:
    for i, (kind, data) in enumerate(pictures.items()):
        response = service.get(f"{preset}/{i}")
        assert (response.content, response.headers["Content-Type"]) == (data, f"image/{kind.lower()}")
        assert response.headers["Cache-Control"] == "private, no-cache"
    assert service.get(f"{preset}/{len(pictures)}").status_code == 404


@pytest.mark.slow
def test_the_preview_of_a_finished_transfer_is_the_finished_picture(
    service: RunningService, photo: np.ndarray
) -> None:
    job = service.transfer(png(photo), {"image": b64(png(photo[::-1].copy()))}, size=96, iterations=20)
    preview = service.get(job["links"]["preview"])
    shown = service.picture({"links": {"image": job["links"]["preview"]}})
    assert preview.headers["Content-Type"] == "image/jpeg"
    assert shown.shape == service.picture(job).shape
    assert np.abs(shown.astype(int) - service.picture(job)).mean() < 6
