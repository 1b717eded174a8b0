"""What saves callers time: compressed lists, repeats that say so, and names that were meant."""

from __future__ import annotations

import gzip

import pytest
import requests
from front_door import RunningService, b64


@pytest.fixture(scope="module")
def body(photo_png: bytes) -> dict[str, object]:
    return {"content": b64(photo_png), "styles": [{"image": b64(photo_png)}], "size": 32, "iterations": 0}


def test_a_repeat_says_so(service: RunningService, body: dict[str, object]) -> None:
    first, second = (service.post(body, **{"Idempotency-Key": "said"}) for _ in range(2))
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.json()["id"] == first.json()["id"]
    score = body | {"image": body["content"]}
    answers = [service.post_to("/v1/scores", score, **{"Idempotency-Key": "scored"}) for _ in range(2)]
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, "true"]


def get(service: RunningService, path: str, encoding: str, **headers: str) -> tuple[requests.Response, bytes]:
    """Return an answer, and its body as it was sent."""
    asked = {"Accept-Encoding": encoding} | {name.replace("_", "-"): value for name, value in headers.items()}
    with requests.get(service.url + path, headers=asked, stream=True, timeout=60) as answer:
        return answer, answer.raw.read(decode_content=False)


@pytest.mark.parametrize("path", ["/v1/transfers", "/openapi.json"])
def test_lists_are_sent_compressed(service: RunningService, body: dict[str, object], path: str) -> None:
    service.ended(service.post(body).json()["id"])
    plain, plain_bytes = get(service, path, "identity")
    packed, packed_bytes = get(service, path, "br, gzip")
    assert packed.headers["Content-Encoding"] == "gzip" and "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed_bytes) == plain_bytes
    assert len(packed_bytes) < len(plain_bytes) / 2
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert get(service, path, "gzip", If_None_Match=answer.headers["ETag"])[0].status_code == 304
    refused, _ = get(service, path, "gzip;q=0")
    assert "Content-Encoding" not in refused.headers


def test_pictures_streams_and_short_answers_stay_as_they_are(
    service: RunningService, body: dict[str, object]
) -> None:
    job = service.ended(service.post(body).json()["id"])
    for path in (job["links"]["image"], job["links"]["events"], "/livez", "/v1/styles/nobody"):
        answer, _ = get(service, path, "gzip")
        assert "Content-Encoding" not in answer.headers, path


@pytest.mark.parametrize(
    ("change", "loc", "name"),
    [
        ({"sise": 1}, "sise", "size"),
        ({"style": []}, "style", "styles"),
        ({"styles": [{"presett": "mosaic"}]}, "styles.0.presett", "preset"),
        ({"variants": [{"stength": 1}]}, "variants.0.stength", "strength"),
        ({"blend": {"form": "a", "to": "b", "steps": 1}}, "blend.form", "from"),
    ],
)
def test_an_unknown_field_gets_the_name_that_was_meant(
    service: RunningService, body: dict[str, object], change: dict[str, object], loc: str, name: str
) -> None:
    errors = {error["loc"]: error["msg"] for error in service.post(body | change).json()["errors"]}
    assert errors[loc] == f"there is no such field; did you mean {name}?"


def test_an_unknown_field_that_is_like_none_gets_no_name(service: RunningService, body: dict[str, object]) -> None:
    for wrong in ("zzzz", "size" * 20):
        errors = service.post(body | {wrong: 1}).json()["errors"]
        assert errors[0]["msg"] == "there is no such field"
    many = {f"sise{k}": k for k in range(2000)}
    answer = service.post(body | many)
    assert len(answer.json()["errors"]) == 20 and answer.elapsed.total_seconds() < 5


def test_what_is_wrong_with_a_field_is_said_in_words(service: RunningService, body: dict[str, object]) -> None:
    wrong = {
        "size": (31, "must be at least 32"),
        "seed": (2**63, f"must be at most {2**63 - 1}"),
        "style_weight": (-0.5, "must be at least 0"),
        "deadline_s": (0, "must be above 0"),
        "iterations": (1.5, "must be a whole number"),
        "content_weight": ("much", "must be a number"),
        "alpha": ("perhaps", "must be 'flatten' or 'keep'"),
    }
    answer = service.post(body | {name: value for name, (value, _) in wrong.items()})
    assert {error["loc"]: error["msg"] for error in answer.json()["errors"]} == {
        name: words for name, (_, words) in wrong.items()
    }
    half = service.post(body | {"styles": [{"preset": "\ud800"}]}).json()["errors"]
    assert half == [{"loc": "styles.0.preset", "msg": "has half of a character (a lone surrogate)"}]
    long = service.post(body, **{"Idempotency-Key": "x" * 256}).json()["errors"]
    assert long == [{"loc": "Idempotency-Key", "msg": "must have at most 255 characters"}]


def test_an_unknown_preset_gets_the_name_that_was_meant(service: RunningService, texture_png: bytes) -> None:
    service.put_style("harbour", texture_png)
    assert service.get("/v1/styles/harbor").json()["detail"] == "there is no preset 'harbor'; did you mean harbour?"
    assert service.get("/v1/styles/arbour").json()["detail"] == "there is no preset 'arbour'; did you mean harbour?"
    assert service.get("/v1/styles/quite-another").json()["detail"] == "there is no preset 'quite-another'"


def test_an_unknown_parameter_gets_the_name_that_was_meant(service: RunningService) -> None:
    (error,) = service.get("/v1/transfers?limits=3").json()["errors"]
    assert error == {"loc": "limits", "msg": "there is no such field; did you mean limit?"}
