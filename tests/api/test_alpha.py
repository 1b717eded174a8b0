"""The content's transparency: laid over white, or kept."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
import requests
from api.controls import PHOTO, QUICK, STYLE, assert_refused, decoded, digests, distance, grey, painted
from front_door import RunningService, b64, png
from PIL import Image

ALPHA = np.zeros((48, 64), np.uint8)
ALPHA[8:40, 8:40] = 255
ALPHA[8:40, 40:48] = np.linspace(255, 0, 8).round()
SOLID = ALPHA == 255
HIDDEN = np.where(ALPHA[..., None] > 0, PHOTO, np.array([0, 255, 0], np.uint8))
CUT = b64(png(np.dstack([HIDDEN, ALPHA])))


def rgba(response: requests.Response) -> np.ndarray:
    assert response.status_code == 200, response.text
    image = Image.open(io.BytesIO(response.content))
    assert image.mode == "RGBA"
    return np.asarray(image)


def fetched(service: RunningService, job: dict[str, Any], variant: int = 0, **headers: str) -> requests.Response:
    return service.get(f"/v1/transfers/{job['id']}/image?variant={variant}", headers=headers)


@pytest.fixture(scope="module")
def job(service: RunningService) -> dict[str, Any]:
    """Kept, flattened, and kept without a step."""
    own = [{"alpha": "keep"}, {}, {"alpha": "keep", "iterations": 0}]
    return painted(service, STYLE, content=CUT, iterations=6, variants=own)


def test_a_kept_alpha_is_the_contents(service: RunningService, job: dict[str, Any]) -> None:
    made = rgba(fetched(service, job))
    np.testing.assert_array_equal(made[..., 3], ALPHA)
    assert distance(made[SOLID][:, :3], PHOTO[SOLID]) > 3  # it was painted


def test_without_a_step_what_can_be_seen_is_the_content_and_the_rest_neither_white_nor_what_was_hidden(
    service: RunningService, job: dict[str, Any]
) -> None:
    made = rgba(fetched(service, job, 2))
    np.testing.assert_array_equal(made[SOLID][:, :3], PHOTO[SOLID])
    assert distance(made[..., :3], HIDDEN) > 5
    assert not (made[..., :3] == 255).all(axis=2).any()
    assert made[..., 1].max() <= PHOTO[ALPHA > 0][:, 1].max()


def test_flattened_is_what_the_picture_over_white_gives(service: RunningService, job: dict[str, Any]) -> None:
    share = ALPHA[..., None] / 255
    laid = np.rint(share * HIDDEN + (1 - share) * 255).astype(np.uint8)
    alone = painted(service, STYLE, content=CUT, iterations=0)
    assert np.abs(decoded(fetched(service, alone)).astype(int) - laid).max() <= 1
    assert Image.open(io.BytesIO(fetched(service, job, 1).content)).mode == "RGB"


def test_a_variant_is_what_a_transfer_of_its_own_gives(service: RunningService, job: dict[str, Any]) -> None:
    own = [painted(service, STYLE, content=CUT, iterations=6, alpha=alpha) for alpha in ("keep", "flatten")]
    assert [one["result"]["sha256"] for one in own] == digests(job)[:2]
    assert own[0]["options"]["alpha"] == "keep"
    assert [one.get("alpha") for one in job["options"]["variants"]] == ["keep", None, "keep"]


def test_an_opaque_content_gives_the_same_either_way(service: RunningService) -> None:
    kept, plain = (painted(service, STYLE, alpha=alpha)["result"] for alpha in ("keep", "flatten"))
    assert kept["sha256"] == plain["sha256"]


@pytest.mark.parametrize("size", [32, 128])
def test_the_alpha_has_the_outputs_size(service: RunningService, size: int) -> None:
    job = painted(service, STYLE, content=CUT, size=size, alpha="keep", format="webp", iterations=1)
    made = rgba(fetched(service, job))
    assert made.shape == (size * 48 // 64, size, 4)
    assert (made[size // 4, size // 4, 3], made[0, -1, 3]) == (255, 0)


def test_a_jpeg_of_it_lies_over_white_and_a_webp_keeps_it(service: RunningService, job: dict[str, Any]) -> None:
    plain = rgba(fetched(service, job)).astype(float)
    share = plain[..., 3:] / 255
    laid = share * plain[..., :3] + (1 - share) * 255
    assert distance(decoded(fetched(service, job, Accept="image/jpeg")), laid) < 4
    np.testing.assert_array_equal(rgba(fetched(service, job, Accept="image/webp"))[..., 3], ALPHA)


def test_previews_lie_over_white(service: RunningService) -> None:
    job = painted(service, STYLE, content=CUT, alpha="keep", iterations=6)
    seen = decoded(service.get(f"/v1/transfers/{job['id']}/preview"))
    assert seen[:4, -8:].min() > 245
    assert seen[seen.shape[0] // 2, seen.shape[1] // 3].min() < 245


def test_a_score_of_what_was_delivered_is_its_losses(service: RunningService, job: dict[str, Any]) -> None:
    made = fetched(service, job).content
    body = {"content": CUT, "styles": [STYLE], "size": 64, "alpha": "keep", "image": base64.b64encode(made).decode()}
    answer = requests.post(f"{service.url}/v1/scores", json=body, timeout=120).json()
    assert answer["losses"] == pytest.approx(job["result"]["variants"][0]["losses"], rel=1e-5)


def test_masks_work_beside_it(service: RunningService) -> None:
    common = {"content": CUT, "alpha": "keep", "iterations": 4}
    kept = rgba(fetched(service, painted(service, STYLE, protect=grey(255), **common)))
    np.testing.assert_array_equal(kept[SOLID][:, :3], PHOTO[SOLID])
    plain, weak = (painted(service, STYLE, strength_map=grey(level), **common) for level in (255, 20))
    assert plain["result"]["sha256"] != weak["result"]["sha256"]


def test_a_jpeg_cannot_keep_it(service: RunningService) -> None:
    common = QUICK | {"styles": [STYLE], "alpha": "keep"}
    assert_refused(service.post(common | {"format": "jpeg"}), "alpha")
    assert_refused(service.post(common | {"variants": [{}, {"format": "jpeg"}]}), "variants.1.alpha")
    assert_refused(service.post(common | {"alpha": "yes"}), "alpha")
