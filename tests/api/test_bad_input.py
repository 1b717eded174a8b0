"""Whatever comes in, the answer is a problem that says what is wrong and where, and the service goes on."""

from __future__ import annotations

import gzip
import http.client
import io
import json
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from flask.testing import FlaskClient
from front_door import Form, RunningService, b64, png
from PIL import Image

from service.config import Settings

PICTURE = png(np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8))
GOOD: dict[str, Any] = {"content": b64(PICTURE), "styles": [{"image": b64(PICTURE)}], "size": 32, "iterations": 0}


def image_header(width: int, height: int) -> bytes:
    """A PNG that says it is this large; its pixels would never end."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def truncated_jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(PICTURE)).save(buffer, "JPEG")
    return buffer.getvalue()[:-400]


@pytest.fixture
def settings(data_folder: Path) -> Settings:
    return Settings(data=data_folder, max_body_mb=1, starters=False)


@pytest.fixture(scope="module", autouse=True)
def goes_on(service: RunningService) -> Iterator[None]:
    """After all these bad requests the same processes run, and carry out a good one."""
    before = processes(service)
    yield
    response = service.post(GOOD, Prefer="wait=60")
    assert response.json()["status"] == "succeeded"
    assert processes(service) == before


def processes(service: RunningService) -> list[int]:
    return [*service.children("gunicorn"), *service.children("service worker")]


def assert_problem(response: requests.Response, status: int, *locs: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["type"]
    assert problem["title"]
    assert problem["detail"]
    assert [error["loc"] for error in problem.get("errors", [])] == list(locs)
    assert all(error["msg"] for error in problem.get("errors", []))
    assert not re.search(r"pattern|dictionary|instance|List|\^\[", problem["detail"])  # pydantic's words
    return problem


@pytest.mark.parametrize("field, value, loc", [
    ("content", "no base64 at all!", "content"),
    ("content", b64(b"This is a text file, not an image. " * 20), "content"),
    ("content", b64(truncated_jpeg()), "content"),
    ("content", b64(png(np.zeros((1, 1, 3), np.uint8))), "content"),
    ("content", b64(image_header(20_000, 20_000)), "content"),
    ("content", b64(png(np.zeros((10, 2000, 3), np.uint8))), "content"),
    ("content", 7, "content"),
    ("content", None, "content"),
    ("content", "data:image/png,plain", "content"),
    ("content", "file:nowhere", "content"),
    ("content", "https://example.org/photo.jpg", "content"),
    ("styles", [], "styles"),
    ("styles", {}, "styles"),
    ("styles", [{"image": b64(PICTURE)}] * 17, "styles"),
    ("styles", [{"preset": "never-saved"}], "styles.0.preset"),
    ("styles", [{"image": b64(PICTURE)}, {"image": b64(b"text")}], "styles.1.image"),
    ("styles", [{"image": b64(PICTURE), "weight": -1}], "styles.0.weight"),
    ("styles", [{"image": b64(PICTURE), "weight": 0}], "styles"),
    ("styles", [{"image": b64(PICTURE), "scale": 0}], "styles.0.scale"),
    ("styles", [{"image": b64(PICTURE), "scale": 0.1}], "styles.0.scale"),
    ("styles", [{}], "styles.0"),
    ("styles", [{"preset": "x", "image": b64(PICTURE)}], "styles.0"),
    ("styles", [{"image": b64(PICTURE), "strength": 1}], "styles.0.strength"),
    ("styles", [{"preset": "\ud800"}], "styles.0.preset"),
    ("styles", [{"preset": "Mosaic"}], "styles.0.preset"),
    ("init", {"job": "../x"}, "init.job"),
    ("variants", [], "variants"),
    ("variants", [3], "variants.0"),
    ("size", 31, "size"),
    ("size", 4097, "size"),
    ("size", 10**400, "size"),
    ("size", "512", "size"),
    ("size", 64.5, "size"),
    ("size", True, "size"),
    ("content_weight", -0.1, "content_weight"),
    ("style_weight", float("nan"), "style_weight"),
    ("tv_weight", float("inf"), "tv_weight"),
    ("content_layers", ["relu1_1"], "content_layers"),
    ("content_layers", {"relu9_9": 1.0}, "content_layers.relu9_9"),
    ("content_layers", {"conv4_2": 1.0}, "content_layers.conv4_2"),
    ("style_layers", {}, "style_layers"),
    ("style_layers", {"relu1_1": -1.0}, "style_layers.relu1_1"),
    ("style_layers", {"relu1_1": 0.0}, "style_layers"),
    ("loss_scaling", "log", "loss_scaling"),
    ("iterations", -1, "iterations"),
    ("iterations", 5001, "iterations"),
    ("optimizer", "sgd", "optimizer"),
    ("init", "noise", "init"),
    ("seed", -1, "seed"),
    ("color", "sepia", "color"),
    ("format", "tiff", "format"),
    ("quality", 101, "quality"),
    ("no_such_field", 1, "no_such_field"),
])  # fmt: skip
def test_a_bad_field_is_422_and_named(service: RunningService, field: str, value: object, loc: str) -> None:
    body = json.dumps(GOOD | {field: value})
    url = f"{service.url}/v1/transfers"
    response = requests.post(url, body, headers={"Content-Type": "application/json"}, timeout=30)
    assert_problem(response, 422, loc)


def test_all_bad_fields_are_named_at_once(service: RunningService) -> None:
    assert_problem(service.post({"styles": [], "size": 1, "zoom": 2}), 422, "styles", "size", "content", "zoom")


def test_all_weights_zero_is_refused(service: RunningService) -> None:
    assert_problem(service.post(GOOD | {"content_weight": 0, "style_weight": 0}), 422, "style_weight")


@pytest.mark.parametrize("body", [b"{", b"", b"[1]", b'"text"', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_400(service: RunningService, body: bytes) -> None:
    url = f"{service.url}/v1/transfers"
    assert_problem(requests.post(url, body, headers={"Content-Type": "application/json"}, timeout=30), 400)


def test_without_a_body_the_fields_that_are_needed_are_named(service: RunningService) -> None:
    assert_problem(requests.post(f"{service.url}/v1/transfers", timeout=30), 422, "content")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "image/png", ""])
def test_another_media_type_is_415(service: RunningService, media_type: str) -> None:
    url = f"{service.url}/v1/transfers"
    headers = {"Content-Type": media_type}
    assert_problem(requests.post(url, json.dumps(GOOD).encode(), headers=headers, timeout=30), 415)


def test_a_form_without_its_json_part_is_400(service: RunningService) -> None:
    assert_problem(requests.post(f"{service.url}/v1/transfers", files={"photo": PICTURE}, timeout=30), 400)


JSON_PART = b'--x\r\nContent-Disposition: form-data; name="request"\r\n\r\n{}\r\n'


@pytest.mark.parametrize(
    ("body", "boundary", "said"),
    [
        (JSON_PART, "x", "the form ends within a part: its last line must be '--x--'"),
        (JSON_PART + b"--x\r\nContent-Disp", "x", "the form ends within the headers of a part"),
        (JSON_PART + b"--x--\r\n", "y", "the form has no line '--y', the boundary of its Content-Type"),
        (JSON_PART + b"--x--\r\n", "", "the form's Content-Type has no boundary"),
        (JSON_PART + b"--x\r\nContent-Type: image/png\r\n\r\n1\r\n--x--\r\n", "x", "has no Content-Disposition"),
        (JSON_PART.replace(b"{}", b'{"content": "gr\xfcn"}') + b"--x--\r\n", "x", "it must be UTF-8"),
        (b"--x--\r\n", "x", "the form has no part 'request'"),
    ],
)
def test_a_form_that_is_no_form_says_why(service: RunningService, body: bytes, boundary: str, said: str) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    response = requests.post(f"{service.url}/v1/transfers", body, headers=headers, timeout=30)
    assert said in assert_problem(response, 400)["detail"]


def test_a_number_of_many_digits_is_refused_in_our_words(service: RunningService) -> None:
    body = json.dumps(GOOD).replace('"size": 32', f'"size": {"9" * 5000}')
    response = requests.post(
        f"{service.url}/v1/transfers", body, headers={"Content-Type": "application/json"}, timeout=30
    )
    assert (
        assert_problem(response, 400)["detail"] == "the JSON has a number of 5,000 characters; at most 1,000 are read"
    )


def test_a_form_that_names_a_part_it_lacks_says_so(service: RunningService) -> None:
    parts: Form = {"request": (None, json.dumps(GOOD | {"content": "file:photo"})), "foto": PICTURE}
    assert_problem(requests.post(f"{service.url}/v1/transfers", files=parts, timeout=30), 422, "content")


def test_a_form_of_too_many_parts_is_413(service: RunningService) -> None:
    parts = {"request": (None, json.dumps(GOOD))} | {f"part{i}": b"x" for i in range(600)}
    problem = assert_problem(requests.post(f"{service.url}/v1/transfers", files=parts, timeout=30), 413)
    assert "600 parts" in problem["detail"]


def test_a_body_over_the_limit_is_413_before_it_is_read(service: RunningService) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    connection.putrequest("POST", "/v1/transfers")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(65 * 2**20))
    connection.endheaders()
    connection.send(b'{"content": "')
    answer = connection.getresponse()
    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "64 MiB" in json.loads(answer.read())["detail"]
    connection.close()


@pytest.mark.parametrize("media_type", ["application/json", "multipart/form-data; boundary=x"])
def test_a_chunked_body_over_the_limit_is_413_too(service: RunningService, media_type: str) -> None:
    chunks = (b'{"content": "', *[b"A" * 2**20] * 64, b'"}')
    headers = {"Content-Type": media_type}
    assert_problem(requests.post(f"{service.url}/v1/transfers", iter(chunks), headers=headers, timeout=30), 413)


def test_the_limit_of_a_body_is_a_setting(client: FlaskClient) -> None:
    answer = client.post("/v1/transfers", data=bytes(2**20 + 1), content_type="application/json")
    assert answer.status_code == 413
    assert "1 MiB" in answer.get_json()["detail"]
    assert client.post("/v1/transfers", data=bytes(2**20), content_type="application/json").status_code == 400


def test_a_chunked_body_is_taken(service: RunningService) -> None:
    good = json.dumps(GOOD).encode()
    headers = {"Content-Type": "application/json", "Prefer": "wait=30"}
    url = f"{service.url}/v1/transfers"
    response = requests.post(url, iter([good[:100], good[100:]]), headers=headers, timeout=60)
    assert response.json()["status"] == "succeeded"


def test_a_compressed_body_is_415(service: RunningService) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    body = gzip.compress(json.dumps(GOOD).encode())
    assert_problem(requests.post(f"{service.url}/v1/transfers", body, headers=headers, timeout=30), 415)


def test_the_json_part_of_a_form_may_be_a_file(service: RunningService) -> None:
    parts: Form = {"request": ("request.json", json.dumps(GOOD | {"content": "file:photo"})), "photo": PICTURE}
    assert requests.post(f"{service.url}/v1/transfers", files=parts, timeout=30).status_code == 202


def test_a_misspelt_first_image_is_told_the_names(service: RunningService) -> None:
    problem = assert_problem(service.post(GOOD | {"init": "Content"}), 422, "init")
    assert "content, random, style" in problem["detail"]


def test_unknown_paths_and_methods_are_problems_too(service: RunningService) -> None:
    nothing = assert_problem(service.get("/v1/nothing"), 404)
    assert (nothing["type"], nothing["detail"]) == ("urn:nst:problem:not-found", "there is nothing at '/v1/nothing'")
    assert_problem(service.get("/v1/transfers/0123"), 404)
    assert_problem(service.get("/v1/transfers/0123/image"), 404)
    method = assert_problem(requests.delete(f"{service.url}/v1/transfers", timeout=30), 405)
    assert method["type"] == "urn:nst:problem:method-not-allowed"
    assert "GET, HEAD, OPTIONS, POST, not DELETE" in method["detail"]
    misplaced = requests.patch(f"{service.url}/v1/styles/none", json={"options": {"format": "png"}}, timeout=30)
    assert "belongs to each transfer" in assert_problem(misplaced, 422, "options.format")["detail"]
    assert_problem(service.get("/v1/transfers?limit=0"), 422, "limit")
    assert_problem(service.get("/v1/transfers?status=lost"), 422, "status")
    assert_problem(service.get("/v1/transfers?page=2"), 422, "page")


@pytest.mark.slow
def test_bad_presets_name_their_fields(service: RunningService) -> None:
    url = f"{service.url}/v1/styles/bad"
    assert_problem(requests.put(url, json={"images": []}, timeout=30), 422, "images")
    good = {"images": [{"image": b64(PICTURE)}]}
    for description in ("\ud800", "\0", "x" * 2001, 5):
        assert_problem(requests.put(url, json=good | {"description": description}, timeout=30), 422, "description")
    bad = {"images": [{"image": b64(b"text")}, {"image": b64(PICTURE), "scale": 9}]}
    assert_problem(requests.put(url, json=bad, timeout=30), 422, "images.0.image", "images.1.scale")
    assert service.get("/v1/styles/bad").status_code == 404
