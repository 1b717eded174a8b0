"""Pictures, transfers and refusals that the tests of the controls share."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import requests
from front_door import RunningService, b64, png
from PIL import Image
from skimage import data

from service.pictures import images

PHOTO = images.resize(np.ascontiguousarray(data.cat()), 64, 48)  # type: ignore[no-untyped-call]
TISSUE = np.ascontiguousarray(data.immunohistochemistry()[:96, :80])  # type: ignore[no-untyped-call]
NEGATIVE = np.ascontiguousarray(255 - TISSUE[::-1])
STYLE: dict[str, Any] = {"image": b64(png(TISSUE))}
OTHER: dict[str, Any] = {"image": b64(png(NEGATIVE))}
QUICK: dict[str, Any] = {"content": b64(png(PHOTO)), "size": 64, "iterations": 4, "tolerance": 0}
LONG = QUICK | {"size": 128, "iterations": 5000}  # runs until someone stops it


def grey(value: int, width: int = 64, height: int = 48) -> str:
    """A mask of one grey, as an Image."""
    return b64(png(np.full((height, width), value, np.uint8)))


def white_left(width: int = 64, height: int = 48) -> np.ndarray:
    """A mask whose left half is white, and the rest black."""
    mask = np.zeros((height, width), np.uint8)
    mask[:, : width // 2] = 255
    return mask


def painted(service: RunningService, *styles: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A transfer of the photograph that succeeded."""
    body = QUICK | ({"styles": list(styles)} if styles else {}) | fields
    response = service.post(body, Prefer="wait=60")
    assert response.status_code == 200, response.text
    job: dict[str, Any] = response.json()
    assert job["status"] == "succeeded", job["error"]
    return job


def picture(service: RunningService, job: dict[str, Any], variant: int = 0) -> np.ndarray:
    """One of its pictures, H x W x 3 uint8."""
    return decoded(service.get(f"/v1/transfers/{job['id']}/image?variant={variant}"))


def decoded(response: requests.Response) -> np.ndarray:
    """The picture in an answer, H x W x 3 uint8."""
    assert response.status_code == 200, response.text
    return np.asarray(Image.open(io.BytesIO(response.content)).convert("RGB"))


def digests(job: dict[str, Any]) -> list[str]:
    """The SHA-256 of each of a transfer's pictures."""
    return [variant["sha256"] for variant in job["result"]["variants"]]


def losses(job: dict[str, Any], name: str) -> list[float]:
    """One of the losses of each of a transfer's pictures."""
    return [variant["losses"][name] for variant in job["result"]["variants"]]


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """The mean difference of two pictures, in grey levels."""
    return float(np.abs(a.astype(float) - b).mean())


def assert_refused(response: requests.Response, *locs: str) -> None:
    """A 422 that names just these fields."""
    assert response.status_code == 422, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert [error["loc"] for error in problem["errors"]] == list(locs), problem
    assert all(error["msg"] for error in problem["errors"])
