"""/v1/scores: the losses of any picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import requests
from api.controls import OTHER, PHOTO, QUICK, STYLE, assert_refused, painted, picture, white_left
from front_door import RunningService, b64, eventually, png

ASKED: dict[str, Any] = {"content": QUICK["content"], "size": 64, "styles": [STYLE], "image": QUICK["content"]}


def post_score(service: RunningService, body: dict[str, Any], **headers: str) -> requests.Response:
    return requests.post(f"{service.url}/v1/scores", json=body, headers=headers, timeout=120)


def scored(service: RunningService, **fields: Any) -> dict[str, Any]:
    """A score that succeeded."""
    response = post_score(service, ASKED | fields)
    assert response.status_code == 200, response.text
    score: dict[str, Any] = response.json()
    assert score["status"] == "succeeded", score
    return score


@pytest.mark.parametrize("options", [
    {"loss_scaling": "gatys", "content_layers": {"relu2_2": 0.5, "relu4_1": 2.0}, "style_layers": {"relu1_2": 3.0}},
    {"color": "luminance", "style_weight": 0.3, "content_weight": 2.0, "tv_weight": 7.0},
    {"styles": [STYLE | {"mask": b64(png(white_left())), "scale": 0.5}, OTHER], "strength": 0.7},
])  # fmt: skip
@pytest.mark.slow
def test_a_transfers_own_picture_has_the_losses_of_its_result(
    service: RunningService, options: dict[str, Any]
) -> None:
    job = painted(service, **{"styles": [STYLE]} | options)
    score = scored(service, **options, image=b64(png(picture(service, job))))
    assert score["losses"] == job["result"]["losses"]
    assert score["engine"] == job["engine"]
    assert score["error"] is None


def test_the_layers_weighted_are_the_losses(service: RunningService) -> None:
    layers = {"content_layers": {"relu2_2": 0.5, "relu4_2": 2.0}, "style_layers": {"relu1_1": 0.3, "relu3_1": 4.0}}
    weights = {"content_weight": 0.7, "style_weight": 1.5, "tv_weight": 3.0}
    score = scored(service, **layers, **weights, image=b64(png(np.ascontiguousarray(PHOTO[:, ::-1]))))
    for kind in ("content", "style"):
        weighted = [weight * score["layers"][kind][layer] for layer, weight in layers[f"{kind}_layers"].items()]
        assert set(score["layers"][kind]) == set(layers[f"{kind}_layers"])
        assert min(weighted) > 0
        assert score["losses"][kind] == pytest.approx(sum(weighted), rel=1e-5)
    total = sum(weights[f"{name}_weight"] * score["losses"][name] for name in ("content", "style", "tv"))
    assert score["losses"]["total"] == pytest.approx(total, rel=1e-5)


def test_the_content_itself_has_no_content_loss_and_any_size_is_brought_to_it(service: RunningService) -> None:
    score = scored(service)
    assert score["losses"]["content"] == 0
    assert score["losses"]["style"] > 0
    large = np.kron(PHOTO, np.ones((2, 2, 1), np.uint8))
    assert scored(service, image=b64(png(large)))["losses"]["content"] < 0.05


def test_a_picture_of_another_shape_is_refused(service: RunningService) -> None:
    assert_refused(post_score(service, ASKED | {"image": b64(png(PHOTO[:, :40]))}), "image")
    assert_refused(post_score(service, {key: ASKED[key] for key in ("content", "size", "styles")}), "image")
    assert_refused(post_score(service, ASKED | {"variants": [{}]}), "variants")


def test_who_does_not_wait_asks_again(service: RunningService) -> None:
    response = post_score(service, ASKED, Prefer="wait=0")
    assert (response.status_code, response.headers["Preference-Applied"]) == (202, "wait=0")
    here = response.headers["Location"]
    assert response.json()["losses"] is None
    assert response.json()["links"]["self"] == here == f"/v1/scores/{response.json()['id']}"
    eventually(lambda: service.get(here).json()["status"] == "succeeded", 30, "no score")
    assert service.get(here).json()["losses"] == scored(service)["losses"]


def test_a_score_is_no_transfer(service: RunningService) -> None:
    id = scored(service)["id"]
    assert id not in [job["id"] for job in service.get("/v1/transfers").json()["items"]]
    for path in ("", "/image", "/sheet", "/preview", "/events"):
        assert service.get(f"/v1/transfers/{id}{path}").status_code == 404
    assert service.cancel(id).status_code == 404
    assert requests.delete(f"{service.url}/v1/transfers/{id}", timeout=30).status_code == 404
    assert service.get(f"/v1/scores/{id}").status_code == 200
    transfer = painted(service, STYLE, iterations=0)["id"]
    assert service.get(f"/v1/scores/{transfer}").status_code == 404


def test_a_score_is_removed_with_its_files(service: RunningService) -> None:
    id = scored(service)["id"]
    here, folder = f"{service.url}/v1/scores/{id}", service.data / "blobs" / "jobs" / id
    assert any(folder.iterdir())
    assert requests.delete(here, timeout=30).status_code == 204
    assert service.get(f"/v1/scores/{id}").status_code == requests.delete(here, timeout=30).status_code == 404
    assert not folder.exists()
    transfer = painted(service, STYLE, iterations=0)["id"]
    assert requests.delete(f"{service.url}/v1/scores/{transfer}", timeout=30).status_code == 404
    assert service.get(f"/v1/transfers/{transfer}").status_code == 200


def test_the_same_post_gives_the_same_score(service: RunningService) -> None:
    key = {"Idempotency-Key": "some-score"}
    first = post_score(service, ASKED, **key).json()
    assert post_score(service, ASKED, **key).json()["id"] == first["id"]
    for other in ({"image": b64(png(PHOTO[::-1].copy()))}, {"style_weight": 0.3}):
        assert_refused(post_score(service, ASKED | other, **key), "Idempotency-Key")


def test_a_picture_is_judged_as_it_is_wherever_it_lies(service: RunningService) -> None:
    """The transfer's bounds do not clip it first."""
    stranger = b64(png(np.ascontiguousarray(255 - PHOTO[:, ::-1])))
    protected = scored(service, image=stranger, protect=b64(png(np.full((48, 64, 3), 255, np.uint8))))
    plain = scored(service, image=stranger)
    assert protected["losses"]["content"] == plain["losses"]["content"] > 0.01
    red = b64(png(np.full((48, 64, 3), (255, 0, 0), np.uint8)))  # to whose chroma no other luminance belongs
    assert scored(service, content=red, image=stranger, color="luminance")["losses"]["content"] > 0.01
