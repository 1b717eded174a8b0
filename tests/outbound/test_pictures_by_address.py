"""Pictures by address through the front door: {"url": …} wherever an image can stand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import requests
from front_door import RunningService, b64, png
from outbound.picture_server import PictureServer
from second_service import BUCKET, MAX_BODY
from servers.s3 import S3

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {"size": 64, "iterations": 2, "levels": 1}


def picture(seed: int, height: int = 60, width: int = 80) -> bytes:
    return png(np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8))


MASK = png(np.full((60, 80, 3), 255, np.uint8))


@pytest.fixture(scope="module")
def service(second_service: RunningService) -> RunningService:
    """A service that may fetch from the host of these tests, and from one bucket."""
    return second_service


def at(url: str, **more: str) -> dict[str, str]:
    return {"url": url} | more


def errors(response: requests.Response) -> dict[str, str]:
    assert response.status_code == 422, response.text
    return {error["loc"]: error["msg"] for error in response.json()["errors"]}


def test_every_picture_of_a_transfer_may_be_an_address(service: RunningService, host: PictureServer) -> None:
    content, style, init = picture(1), picture(2, 70, 70), picture(3)
    whole = png(np.full((70, 70, 3), 255, np.uint8))
    body = SMALL | {
        "content": at(host.add("/photos/at%20sea.png?signature=s3cr3t", content)),
        "styles": [
            {
                "image": at(host.add("/secret-token", style), name="waves.png"),
                "mask": at(host.add("/mask.png", MASK)),
                "style_mask": at(host.add("/style-mask.png", whole)),
            }
        ],
        "init": at(host.add("/init.png", init)),
        "protect": at(host.url("/mask.png")),
        "strength_map": at(host.url("/mask.png")),
    }
    host.paths["/photos/at%20sea.png"] = (200, {}, content)
    before = len(host.asked)
    response = service.post(body, Prefer="wait=60")
    assert response.status_code == 200, response.text
    job = response.json()
    assert job["status"] == "succeeded"
    assert len(host.asked) - before == 5  # the mask once, though three fields name it
    assert service.get(f"/v1/transfers/{job['id']}/content").content == content
    files = {file["loc"]: file for file in service.get(f"/v1/transfers/{job['id']}/files").json()["items"]}
    assert (files["content"]["name"], files["styles.0.image"]["name"]) == ("at sea.png", "waves.png")
    assert service.get(files["init"]["link"]).content == init
    assert set(files) == {
        "content", "init", "protect", "strength_map", "styles.0.image", "styles.0.mask", "styles.0.style_mask"
    }  # fmt: skip
    kept = service.log.read_bytes() + (service.data / "service.db").read_bytes()
    kept += (service.data / "service.db-wal").read_bytes()
    assert job["id"].encode() in kept
    assert b"s3cr3t" not in kept
    assert b"secret-token" not in kept


def test_those_that_cannot_be_had_are_named_all_at_once(service: RunningService, host: PictureServer) -> None:
    host.add("/text", b"no picture")
    host.add("/large", b"x" * (MAX_BODY + 1))
    found = errors(
        service.post(
            SMALL
            | {
                "content": at(host.url("/missing?token=abc")),
                "styles": [{"image": at(host.url("/text"))}],
                "protect": at(host.url("/large")),
            }
        )
    )
    assert set(found) == {"content", "styles.0.image", "protect"}
    assert found["content"] == "can't be fetched: its host answered 404"
    assert "image" in found["styles.0.image"]
    assert "is too large" in found["protect"]


def test_a_host_that_is_not_named_is_refused_before_anything_is_fetched(
    service: RunningService, host: PictureServer
) -> None:
    good = at(host.add("/good.png", picture(4)))
    before = len(host.asked)
    for url in (
        "https://example.com/a.png",
        host.url("/good.png", "localhost"),
        f"http://2130706433:{host.port}/good.png",
        f"http://me:pw@127.0.0.1:{host.port}/good.png",
        f"http://127.0.0.1.:{host.port}/good.png",
        "http://127.0.0.1:22/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/a",
        "s3://other/a.png",
        "",
    ):
        found = errors(service.post(SMALL | {"content": good, "styles": [{"image": at(url)}]}))
        assert set(found) == {"styles.0.image"}, url
        assert "pw" not in found["styles.0.image"]
    assert len(host.asked) == before


def test_an_object_with_something_else_in_it_is_refused(service: RunningService, host: PictureServer) -> None:
    for value in ({"url": 5}, {"url": host.url("/"), "headers": {}}, {"url": host.url("/"), "data": "eA=="}):
        assert set(errors(service.post(SMALL | {"content": value, "styles": [{"preset": "x"}]}))) == {"content"}
    text = errors(service.post(SMALL | {"content": host.url("/a.png"), "styles": [{"preset": "x"}]}))
    assert '{"url": ' in text["content"]


def test_a_repeated_key_fetches_nothing_again(service: RunningService, host: PictureServer) -> None:
    url = host.add("/once.png", picture(5))
    body = SMALL | {"content": at(url), "styles": [{"image": b64(picture(6))}]}
    first = service.post(body, **{"Idempotency-Key": "addresses-1"})
    del host.paths["/once.png"]
    asked = len(host.asked)
    again = service.post(body, **{"Idempotency-Key": "addresses-1"})
    assert (first.status_code, again.status_code, again.json()["id"]) == (202, 202, first.json()["id"])
    other = body | {"content": at(url + "?v=2")}
    assert set(errors(service.post(other, **{"Idempotency-Key": "addresses-1"}))) == {"Idempotency-Key"}
    assert len(host.asked) == asked


def test_presets_scores_and_estimates_take_addresses_too(service: RunningService, host: PictureServer) -> None:
    style, photo = at(host.add("/style.png", picture(7))), at(host.add("/photo.png", picture(8)))
    put = requests.put(f"{service.url}/v1/styles/fetched", json={"images": [{"image": style}]}, timeout=60)
    assert put.status_code == 201, put.text
    assert put.json()["images"][0]["name"] == "style.png"
    assert service.get("/v1/styles/fetched/images/0").content == picture(7)
    body = {"content": photo, "styles": [{"preset": "fetched"}], "size": 64}
    score = service.post_to("/v1/scores", body | {"image": photo})
    assert score.status_code == 200, score.text
    assert score.json()["losses"]["content"] == pytest.approx(0, abs=1e-5)
    estimate = service.post_to("/v1/estimates", body)
    assert estimate.json()["allowed"], estimate.text
    missing = at(host.url("/missing"))
    learn = {"size": 64, "minutes": 0.01, "photos": [photo, missing]}
    refused = requests.put(f"{service.url}/v1/styles/fetched/painter", json=learn, timeout=60)
    assert set(errors(refused)) == {"photos.1"}
    bad = requests.put(f"{service.url}/v1/styles/other", json={"images": [{"image": missing}]}, timeout=60)
    assert set(errors(bad)) == {"images.0.image"}


def test_a_request_fetches_side_by_side_but_two_at_a_time(service: RunningService, host: PictureServer) -> None:
    urls = [host.add(f"/slow/{i}.png", picture(20 + i, 40, 40), seconds=0.2) for i in range(8)]
    host.most_at_once = 0
    response = service.post_to(
        "/v1/estimates",
        SMALL | {"content": b64(picture(1)), "styles": [{"image": at(url)} for url in urls]},
    )
    assert response.status_code == 200, response.text
    assert host.most_at_once == 2


def test_requests_that_fetch_leave_threads_to_others(service: RunningService, host: PictureServer) -> None:
    content = at(host.add("/long.png", picture(1), seconds=0.5))
    body = SMALL | {"styles": [{"image": b64(picture(6))}]}
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(service.post_to, "/v1/estimates", body | {"content": content}) for _ in range(12)]
        answers = [answer.result(60) for answer in asked]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert 0 < len(refused) <= 12 - 16 // 2  # of NST_WEB_THREADS
    assert {answer.json()["type"] for answer in refused} == {"urn:nst:problem:too-many-reads"}
    assert all(answer.headers["Retry-After"] for answer in refused)
    assert {answer.headers["RateLimit-Policy"] for answer in refused} == {'"long_reads";q=8;qu="concurrent-requests"'}


def test_objects_of_a_named_bucket_are_read(service: RunningService, s3: S3) -> None:
    content = picture(9)
    requests.put(f"{s3.endpoint}/{BUCKET}/in/photo.png", data=content, timeout=30).raise_for_status()
    requests.put(f"{s3.endpoint}/{BUCKET}/large", data=b"x" * (MAX_BODY + 1), timeout=30).raise_for_status()
    styles = [{"image": b64(picture(6))}]
    job = service.post(SMALL | {"content": at(f"s3://{BUCKET}/in/photo.png"), "styles": styles})
    assert job.status_code == 202, job.text
    assert service.get(f"/v1/transfers/{job.json()['id']}/content").content == content
    for key, msg in (("in/none.png", "isn't in that bucket"), ("large", "is too large"), ("", "must be s3://")):
        assert (
            msg in errors(service.post(SMALL | {"content": at(f"s3://{BUCKET}/{key}"), "styles": styles}))["content"]
        )
