"""`Accept` chooses the format that a result comes in."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import requests
from api.controls import PHOTO, STYLE, decoded, distance, painted
from front_door import RunningService
from PIL import Image

VARY = "Accept, Authorization, X-API-Key"


@pytest.fixture(scope="module")
def job(service: RunningService) -> dict[str, Any]:
    """The photograph itself as a PNG, and as a JPEG of a low quality."""
    return painted(service, STYLE, iterations=0, quality=60, variants=[{}, {"format": "jpeg", "quality": 20}])


def fetched(service: RunningService, job: dict[str, Any], accept: str | None, variant: int = 0) -> requests.Response:
    headers = {"Accept": accept}  # None: requests sends no such header
    return service.get(f"/v1/transfers/{job['id']}/image?variant={variant}", headers=headers)


@pytest.mark.parametrize(
    ("accept", "format"),
    [
        (None, "PNG"),
        ("*/*", "PNG"),
        ("image/*", "PNG"),
        ("image/png", "PNG"),
        ("image/webp", "WEBP"),
        ("IMAGE/JPEG", "JPEG"),
        ("image/webp, */*;q=0.8", "WEBP"),
        ("image/webp;q=0.5, image/jpeg;q=0.6", "JPEG"),
        ("image/webp, image/png", "PNG"),
        ("image/avif, image/jpeg;q=0.1", "JPEG"),
        ("image/png;q=0, */*", "JPEG"),
        ("*, image/webp;q=0.2", "WEBP"),
        ("*", "PNG"),
        ("nonsense;;,", "PNG"),
        ("image/png;q=0.3, image/*;q=0.2", "PNG"),
        ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "PNG"),
        ("text/html,application/xhtml+xml,image/avif,image/webp,*/*;q=0.8", "PNG"),
    ],
)
def test_the_caller_gets_what_it_likes_best(
    service: RunningService, job: dict[str, Any], accept: str | None, format: str
) -> None:
    response = fetched(service, job, accept)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == f"image/{format.lower()}"
    assert response.headers["Vary"] == VARY
    assert Image.open(io.BytesIO(response.content)).format == format
    assert distance(decoded(response), PHOTO) < (1e-9 if format == "PNG" else 10)


def test_what_is_there_as_it_was_made_comes_byte_for_byte(service: RunningService, job: dict[str, Any]) -> None:
    plain, again = (fetched(service, job, "*/*", variant=1) for _ in range(2))
    assert plain.content == again.content == fetched(service, job, "image/jpeg", variant=1).content
    assert plain.headers["ETag"] == f'"{job["result"]["variants"][1]["sha256"]}"'
    assert plain.headers["Content-Type"] == "image/jpeg"


def test_each_format_has_an_etag_of_its_own(service: RunningService, job: dict[str, Any]) -> None:
    answers = [fetched(service, job, f"image/{format}") for format in ("png", "jpeg", "webp")]
    tags = [answer.headers["ETag"] for answer in answers]
    assert len(set(tags)) == 3
    assert len({answer.headers["Cache-Control"] for answer in answers}) == 1
    for answer, tag in zip(answers, tags, strict=True):
        headers = {"Accept": answer.headers["Content-Type"], "If-None-Match": tag}
        again = service.get(f"/v1/transfers/{job['id']}/image?variant=0", headers=headers)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag
        assert again.headers["Vary"] == VARY
        headers["Accept"] = "image/png" if "png" not in headers["Accept"] else "image/webp"
        assert service.get(f"/v1/transfers/{job['id']}/image?variant=0", headers=headers).status_code == 200


def test_the_quality_is_the_jobs(service: RunningService, job: dict[str, Any]) -> None:
    """A JPEG of a variant's pixels is as rough as the variant asked for."""
    low = fetched(service, job, "image/webp", variant=1).content
    high = fetched(service, job, "image/webp", variant=0).content
    assert len(low) < len(high)
    assert fetched(service, job, "image/webp", variant=0).content == high


@pytest.mark.parametrize("accept", ["image/avif", "application/json", "image/*;q=0", "text/plain, image/gif"])
def test_other_formats_are_refused_with_what_there_is(
    service: RunningService, job: dict[str, Any], accept: str
) -> None:
    response = fetched(service, job, accept)
    assert response.status_code == 406
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["type"] == "urn:nst:problem:not-acceptable"
    assert all(known in response.json()["detail"] for known in ("image/png", "image/jpeg", "image/webp"))


@pytest.mark.parametrize("accept", ["image/webp", "image/avif"])
def test_problems_come_as_problems_whatever_accept_says(
    service: RunningService, job: dict[str, Any], accept: str
) -> None:
    for path in ("/v1/transfers/nothing/image", f"/v1/transfers/{job['id']}/image?variant=2"):
        response = service.get(path, headers={"Accept": accept})
        assert response.status_code == 404
        assert response.headers["Content-Type"] == "application/problem+json"


def test_the_sheet_is_a_jpeg_for_everyone(service: RunningService, job: dict[str, Any]) -> None:
    response = service.get(f"/v1/transfers/{job['id']}/sheet", headers={"Accept": "image/png"})
    assert response.headers["Content-Type"] == "image/jpeg"


def test_the_description_names_the_formats_and_the_refusal(service: RunningService) -> None:
    answers = service.get("/openapi.json").json()["paths"]["/v1/transfers/{id}/image"]["get"]["responses"]
    assert set(answers["200"]["content"]) == {"image/png", "image/jpeg", "image/webp"}
    assert set(answers["406"]["content"]) == {"application/problem+json"}


def test_pictures_in_other_formats_say_that_they_are_srgb(service: RunningService, job: dict[str, Any]) -> None:
    for format in ("jpeg", "webp"):
        with Image.open(io.BytesIO(fetched(service, job, f"image/{format}").content)) as image:
            assert b"sRGB" in image.info["icc_profile"].replace(b"\0", b"")
            assert np.asarray(image).shape == PHOTO.shape


def test_an_image_in_a_page_is_the_file_as_it_was_made(service: RunningService, job: dict[str, Any]) -> None:
    accept = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
    assert fetched(service, job, accept, variant=1).headers["Content-Type"] == "image/jpeg"
