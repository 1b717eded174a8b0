"""A transfer that begins with the picture of another one."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from api.controls import LONG, OTHER, QUICK, STYLE, assert_refused, digests, painted
from front_door import RunningService, b64


@pytest.fixture(scope="module")
def earlier(service: RunningService) -> dict[str, Any]:
    """A transfer with two pictures."""
    return painted(service, STYLE, variants=[{}, {"styles": [OTHER]}])


@pytest.mark.slow
def test_without_iterations_the_other_transfers_picture_comes_back(
    service: RunningService, earlier: dict[str, Any]
) -> None:
    own = [{"init": {"job": earlier["id"], "variant": 1}}, {"init": "content"}, {}]
    job = painted(service, STYLE, iterations=0, init={"job": earlier["id"]}, variants=own)
    first, second = digests(earlier)
    assert digests(job)[0] == second
    assert digests(job)[2] == first != digests(job)[1]
    assert len(set(digests(job))) == 3


@pytest.mark.slow
def test_it_is_the_same_as_giving_that_picture(service: RunningService, earlier: dict[str, Any]) -> None:
    job = painted(service, OTHER, init={"job": earlier["id"], "variant": 1}, iterations=3)
    given = b64(service.get(f"/v1/transfers/{earlier['id']}/image?variant=1").content)
    assert digests(job) == digests(painted(service, OTHER, init=given, iterations=3))
    assert digests(job)[0] not in digests(earlier)


def test_a_picture_that_is_not_there_is_refused(service: RunningService, earlier: dict[str, Any]) -> None:
    body = QUICK | {"styles": [STYLE]}
    assert_refused(service.post(body | {"init": {"job": "0" * 32}}), "init.job")
    assert_refused(service.post(body | {"init": {"job": earlier["id"], "variant": 2}}), "init.variant")
    running = service.post(LONG | {"styles": [STYLE]}).json()["id"]
    assert_refused(service.post(body | {"init": {"job": running}}), "init.job")
    requests.delete(f"{service.url}/v1/transfers/{running}", timeout=30)


@pytest.mark.parametrize("init, loc", [
    ({}, "init.job"), ({"job": 5}, "init.job"), ({"job": "x", "variant": -1}, "init.variant"),
    ({"job": "x", "at": 1}, "init.at"), (7, "init"), ("none", "init"), (None, "init"),
])  # fmt: skip
def test_what_is_no_first_image_is_refused(service: RunningService, init: object, loc: str) -> None:
    assert_refused(service.post(QUICK | {"styles": [STYLE], "init": init}), loc)


def test_a_variants_first_image_is_named_with_the_variant(service: RunningService) -> None:
    body = QUICK | {"styles": [STYLE], "variants": [{}, {"init": {"job": "0" * 32}}]}
    assert_refused(service.post(body), "variants.1.init.job")


def test_an_id_that_is_no_text_is_refused(service: RunningService) -> None:
    assert_refused(service.post(QUICK | {"styles": [STYLE], "init": {"job": "\ud800"}}), "init.job")


@pytest.mark.slow
def test_the_first_image_outlives_the_transfer_that_made_it(service: RunningService) -> None:
    made = painted(service, STYLE, iterations=2)
    blocker = service.post(LONG | {"styles": [STYLE]}).json()["id"]
    waiting = service.post(QUICK | {"styles": [STYLE], "iterations": 0, "init": {"job": made["id"]}}).json()["id"]
    for id in (made["id"], blocker):
        assert requests.delete(f"{service.url}/v1/transfers/{id}", timeout=30).status_code == 204
    assert service.ended(waiting)["result"]["sha256"] == made["result"]["sha256"]


def test_a_picture_whose_file_is_gone_is_refused(service: RunningService) -> None:
    made = painted(service, STYLE, iterations=0, seed=7)
    (file,) = (service.data / "blobs" / "jobs" / made["id"]).glob("result-*")
    file.unlink()
    assert_refused(service.post(QUICK | {"styles": [STYLE], "init": {"job": made["id"]}}), "init.job")
