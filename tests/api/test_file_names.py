"""File names of pictures: kept from the request, shown by the transfer, and safe in Content-Disposition."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
import requests
from front_door import RunningService, b64, png
from werkzeug.http import parse_options_header

from service.api.http.disposition import disposition
from service.pictures.file_names import LONGEST, plain_label, result_name, safe_name

QUICK = {"size": 32, "iterations": 0}


@pytest.fixture(scope="module")
def small(texture: np.ndarray) -> bytes:
    return png(texture[:64, :64])


@pytest.fixture(scope="module")
def job(service: RunningService, small: bytes) -> Iterator[dict[str, Any]]:
    """A transfer whose pictures came as files of a form, with two variants."""
    service.put_style("mosaic-like", small).raise_for_status()
    styles = [{"image": "file:art"}]
    request = {"content": "file:photo", "styles": styles, "protect": "file:mask", **QUICK}
    variants = [
        {"strength": 0.5},
        {"styles": [{"preset": "mosaic-like"}, *styles, {"preset": "mosaic-like", "scale": 0.9}]},
    ]
    files = {
        "photo": ("/home/zoë/Zoë's “beste”.JPG", small),
        "art": ("Stoff; früh.png", small),
        "mask": ("mask.png", png(np.full((64, 64), 255, np.uint8))),
    }
    response = service.post_form({"request": json.dumps(request | {"variants": variants})}, files)
    assert response.status_code == 202, response.text
    yield service.ended(response.json()["id"])


def saved_as(response: requests.Response) -> tuple[str, str]:
    """The name under which a program that knows filename* saves a file, and one that doesn't."""
    assert response.status_code == 200, response.text
    header = response.headers["Content-Disposition"]
    kind, options = parse_options_header(header)
    assert kind == "inline"
    assert header.isascii()
    plain = header.partition('filename="')[2].partition('"')[0]
    return options["filename"], plain


def test_the_transfer_shows_the_names_that_a_form_brought(service: RunningService, job: dict[str, Any]) -> None:
    options = job["options"]
    assert options["content"]["name"] == "Zoë's “beste”.JPG"
    assert options["styles"][0]["image"]["name"] == "Stoff; früh.png"
    assert options["protect"]["name"] == "mask.png"
    files = service.get(f"/v1/transfers/{job['id']}/files").json()["items"]
    assert {file["loc"]: file["name"] for file in files if file["loc"] in ("content", "protect")} == {
        "content": "Zoë's “beste”.JPG", "protect": "mask.png",
    }  # fmt: skip


def test_names_in_a_code_page_of_windows_are_read(service: RunningService, small: bytes) -> None:
    """Programs that know no UTF-8 send them so; browsers don't."""
    request = json.dumps({"content": "file:größe", "styles": [{"image": "file:größe"}]} | QUICK)
    body = (
        b'--x\r\nContent-Disposition: form-data; name="request"\r\n\r\n' + request.encode() + b"\r\n--x\r\n"
        b'Content-Disposition: form-data; name="gr\xf6\xdfe"; filename="5 \x80 f\xfcr \x81.png"\r\n\r\n'
        + small + b"\r\n--x--\r\n"
    )  # fmt: skip
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    response = requests.post(f"{service.url}/v1/transfers", body, headers=headers, timeout=60)
    assert response.status_code == 202, response.text
    assert response.json()["options"]["content"]["name"] == "5 € für \ufffd.png"


def test_results_and_originals_are_saved_under_these_names(service: RunningService, job: dict[str, Any]) -> None:
    here = f"/v1/transfers/{job['id']}"
    first, plain = saved_as(service.get(f"{here}/image"))
    assert first == "Zoë's “beste” - Stoff; früh - 1 - strength 0.5.png"
    assert plain == "Zo_'s _beste_ - Stoff; fr_h - 1 - strength 0.5.png"
    second, _ = saved_as(service.get(f"{here}/image?variant=1", headers={"Accept": "image/jpeg"}))
    label = "1 mosaic-like + 1 image + 1 mosaic-like scale 0.9"
    assert second == f"Zoë's “beste” - mosaic-like + Stoff; früh + 1 more - 2 - {label}.jpg"
    assert saved_as(service.get(f"{here}/sheet"))[0] == "Zoë's “beste” - Stoff; früh + mosaic-like - sheet.jpg"
    assert saved_as(service.get(f"{here}/content"))[0] == "Zoë's “beste”.JPG"
    assert saved_as(service.get(f"{here}/styles/0"))[0] == "Stoff; früh.png"


def test_json_names_a_picture_beside_its_data(service: RunningService, small: bytes) -> None:
    named = {"data": b64(small), "name": "../../etc/pass\x00wd\n.png"}
    styles = [{"image": {"data": b64(small), "name": "art.webp"}}]
    job = service.ended(service.post({"content": named, "styles": styles, "init": named} | QUICK).json()["id"])
    assert job["options"]["content"]["name"] == job["options"]["init"]["name"] == "passwd.png"
    assert saved_as(service.get(job["links"]["image"]))[0] == "passwd - art.png"
    for wrong in ({"name": "a.png"}, named | {"name": 5}, named | {"size": 5}, named | {"data": None}):
        response = service.post({"content": wrong, "styles": styles} | QUICK)
        assert [error["loc"] for error in response.json()["errors"]] == ["content"]


def test_pictures_without_names_get_an_ordinary_one(service: RunningService, small: bytes) -> None:
    job = service.transfer(small, {"image": b64(small)}, **QUICK, format="webp")
    assert "name" not in job["options"]["content"]
    assert saved_as(service.get(job["links"]["image"])) == ("painting.webp", "painting.webp")
    assert "Content-Disposition" not in service.get(f"/v1/transfers/{job['id']}/content").headers


def test_a_preset_keeps_the_names_of_its_pictures(service: RunningService, small: bytes) -> None:
    body = {"images": [{"image": {"data": b64(small), "name": "harbour.jpg"}}, {"image": b64(small)}]}
    saved = requests.put(f"{service.url}/v1/styles/named", json=body, timeout=60).json()
    assert [image["name"] for image in saved["images"]] == ["harbour.jpg", None]
    assert saved_as(service.get("/v1/styles/named/images/0"))[0] == "harbour.jpg"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("photo.jpg", "photo.jpg"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a\r\nSet-Cookie: x=1.png", "aSet-Cookie: x=1.png"),
        ("gnp.\u202egpj.exe", "gnp.gpj.exe"),  # without the sign that turns the direction of writing
        ("  .hidden.png ", "hidden.png"),
        ("e\u0301te\u0301.png", "\u00e9t\u00e9.png"),
        ("..", ""),
        ("", ""),
        ("\ud800.png", "png"),
    ],
)
def test_names_are_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize("letter", ["a", "ä", "字", "🎨"])
def test_a_long_name_is_cut_and_keeps_its_ending(letter: str) -> None:
    name = safe_name(letter * 4000 + ".jpeg")
    assert name == letter * ((LONGEST - 5) // len(letter.encode())) + ".jpeg"
    label = plain_label("content_layers {'relu4_2': 1.0}, " + 99 * "x")
    result = result_name(name, [letter * 200, "t" * 63, "u"], ["12", label], "webp")
    assert len(result.encode()) <= LONGEST
    assert result.endswith(f" - 12 - content_layers relu4_2 1.0, {32 * 'x'}.webp")


@pytest.mark.parametrize(
    "name", ['a "b" \\ c.png', "100 %41.png", "naïve 字.png", "semi;colon, equals=.png", "a.png"]
)
def test_a_header_gives_back_any_name(name: str) -> None:
    header = disposition(name, "attachment")
    _, options = parse_options_header(header)
    assert options["filename"] == name
    assert ("filename*" in header) == (name not in ("a.png", "semi;colon, equals=.png"))
    assert unquote(header.rpartition("UTF-8''")[2]) == name or "filename*" not in header
