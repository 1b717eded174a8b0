"""The picture that shows what a preset does: the first good one with it alone, as long as that is kept."""

from __future__ import annotations

import io

import numpy as np
import pytest
import requests
from front_door import RunningService, b64, png
from PIL import Image

LEAST = {"size": 256, "iterations": 30}


@pytest.fixture(scope="module")
def picture(texture: np.ndarray) -> bytes:
    return png(texture[100:196, :96])


def painted(service: RunningService, name: str) -> requests.Response:
    response = service.get(f"/v1/styles/{name}/painted")
    shown = service.get(f"/v1/styles/{name}").json()["links"]
    assert (response.status_code == 200) == ("painted" in shown)
    return response


def pixels(response: requests.Response) -> np.ndarray:
    assert response.headers["Content-Type"] == "image/jpeg"
    return np.asarray(Image.open(io.BytesIO(response.content)).convert("RGB")).astype(int)


@pytest.mark.slow
def test_it_is_the_first_picture_that_was_painted_in_the_preset_alone(
    service: RunningService, picture: bytes, photo: np.ndarray
) -> None:
    service.put_style("showing", picture).raise_for_status()
    service.put_style("beside", picture).raise_for_status()
    first, second = png(photo[:90, :120]), png(photo[-90:, -120:])
    assert painted(service, "showing").status_code == 404
    service.transfer(first, {"preset": "showing"}, {"preset": "beside"}, **LEAST)
    service.transfer(first, {"preset": "showing"}, **LEAST, protect=b64(png(np.full((90, 120), 99, np.uint8))))
    for too_little in ({"size": 255}, {"iterations": 29}, {"strength": 0}):
        service.transfer(first, {"preset": "showing"}, **(LEAST | too_little))
    assert painted(service, "showing").status_code == 404
    jobs = [service.transfer(content, {"preset": "showing"}, **LEAST) for content in (first, second)]
    found = painted(service, "showing")
    assert np.abs(pixels(found) - service.picture(jobs[0])).mean() < 5
    requests.delete(f"{service.url}/v1/transfers/{jobs[0]['id']}", timeout=60).raise_for_status()
    assert painted(service, "showing").status_code == 404
    third = service.transfer(second, {"preset": "showing"}, **LEAST)
    again = painted(service, "showing")
    assert again.headers["ETag"] != found.headers["ETag"]
    assert np.abs(pixels(again) - service.picture(third)).mean() < 5


@pytest.mark.slow
def test_a_preset_that_was_replaced_has_none(service: RunningService, picture: bytes, photo_png: bytes) -> None:
    service.put_style("replacing", picture).raise_for_status()
    service.transfer(picture, {"preset": "replacing"}, **LEAST)
    requests.patch(f"{service.url}/v1/styles/replacing", json={"name": "replacing-it"}, timeout=60).raise_for_status()
    assert painted(service, "replacing-it").status_code == 200
    service.put_style("replacing-it", photo_png).raise_for_status()
    assert painted(service, "replacing-it").status_code == 404
    assert service.get("/v1/styles/nobody/painted").status_code == 404
