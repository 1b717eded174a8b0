"""Ways in which clients write bytes and integers: all that stand for the same are taken."""

from __future__ import annotations

import base64
import json
import re
import tracemalloc
from typing import Any
from urllib.parse import quote

import pytest
import requests
from api.controls import PHOTO, QUICK, STYLE, assert_refused
from front_door import RunningService, png
from pydantic_core import PydanticCustomError

from service.api.http.body import ApiRequest
from service.api.http.json_body import read_object
from service.api.schemas import encoded
from service.api.schemas.encoded import bytes_of
from service.options import TransferOptions

FILE = png(PHOTO)
PLAIN = base64.b64encode(FILE).decode()
TRICKY = bytes(range(256))  # has +, / and = in base64


def written(data: bytes) -> dict[str, str]:
    """Name -> a text that stands for the data."""
    plain, safe = base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()
    return {
        "plain": plain, "url": safe, "url, no padding": safe.rstrip("="), "no padding": plain.rstrip("="),
        "lines": "\r\n".join(re.findall(".{1,76}", plain)) + "\n", "spaces": "  " + plain.replace("A", "A \t"),
        "data": f"data:image/png;base64,{plain}", "DATA": f"DATA:image/PNG;BASE64,{plain}",
        "safe": f"data:;base64,{safe}",
        "no type": f"data:;base64,{plain}", "a space": f" Data:image/png; base64,{plain}",
        "parameters": f"data:image/png;name=a.png;base64,{plain}", "fragment": f"data:image/png;base64,{plain}#top",
        "percent in base64": f"data:image/png;base64,{quote(plain, safe='')}",
        "percent": f"data:image/png,{quote(data, safe='')}",
        "lower": "data:," + "".join(f"%{byte:02x}" for byte in data),
    }  # fmt: skip


@pytest.mark.parametrize("name", written(b""))
@pytest.mark.parametrize("length", [252, 254, 255, 256])
def test_every_way_to_write_bytes_is_read(name: str, length: int) -> None:
    assert bytes_of(written(TRICKY[-length:])[name]) == TRICKY[-length:]


@pytest.mark.parametrize(
    "text",
    [
        "abc!",
        "AAAAA",
        "AA=A",
        "AA==AA",
        "AAA=AA",
        "ÄÄÄÄ",
        "data:image/png;base64",
        "data:,%4",
        "data:,100%!",
        "data:,ä",
        "AA%3D",
    ],
)
def test_what_stands_for_no_bytes_is_refused(text: str) -> None:
    with pytest.raises(PydanticCustomError, match=r"base64|data: URL"):
        bytes_of(text)


@pytest.mark.parametrize("name", ["plain", "no padding", "data", "parameters"])
@pytest.mark.parametrize("length", [252, 254, 255, 256])
def test_base64_that_a_form_has_taken_the_plus_from_is_refused(name: str, length: int) -> None:
    with pytest.raises(PydanticCustomError, match=r"blanks where \+ was"):
        bytes_of(written(TRICKY[-length:])[name].replace("+", " "))


def test_base64_without_a_plus_may_be_broken_into_parts_by_blanks() -> None:
    text = base64.b64encode(bytes(300)).decode()
    assert bytes_of(" ".join(re.findall(".{1,76}", text)) + " ") == bytes(300)


@pytest.mark.parametrize("length", range(1, 8))
def test_the_pieces_that_a_text_is_decoded_in_make_no_difference(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoded, "PIECE", length)
    for text in written(TRICKY).values():
        assert bytes_of(text) == TRICKY
    for text in (
        "AAAAA",
        "AA=A",
        "AA==AA",
        "AAA=AA",
        "AAA==AAAA",
        "ÄÄÄÄ",
        "data:,%4",
        "data:,100%!",
        "data:,AAAAAAÄ",
    ):
        with pytest.raises(PydanticCustomError):
            bytes_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "data:," + "%41" * 1_000_000,
        "data:,a=b" + "x" * 3_000_000,
        "data:;base64," + "QUFB%0A" * 400_000,
        "QUFB" * 700_000,
    ],
    ids=["percent", "plain", "percent in base64", "base64"],
)
def test_a_text_takes_hardly_more_memory_than_its_bytes(text: str) -> None:
    bytes_of("data:,")  # loads what is loaded once
    tracemalloc.start()
    size = len(bytes_of(text))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.3 * size + 2**21


@pytest.mark.parametrize("name", ["url, no padding", "percent", "DATA"])
def test_pictures_come_in_every_way(service: RunningService, name: str) -> None:
    body = QUICK | {"content": written(FILE)[name], "styles": [STYLE], "iterations": 0}
    assert service.post(body).status_code == 202


def form(*parts: tuple[str, bytes]) -> tuple[bytes, dict[str, str]]:
    """A form of parts, each a header and a content, and the headers that it is sent with."""
    body = b"".join(b"--XX\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts)
    return body + b"--XX--\r\n", {"Content-Type": 'multipart/form-data; boundary="XX"'}


NAMED = 'Content-Disposition: form-data; name="photo"'
HEADS = (
    f"{NAMED}\r\nContent-Type: image/png", f"content-type:image/png\r\n{NAMED}",
    f"{NAMED}\r\nContent-Type: text/plain",
    "Content-Disposition: form-data; name=photo\r\nContent-Type: application/octet-stream",
    f"{NAMED}; filename*=UTF-8''f%C3%BCr.png", f'{NAMED}; filename=""', f'{NAMED}; filename="a;\\"b.png"',
)  # fmt: skip


def parsed(*parts: tuple[str, bytes]) -> ApiRequest:
    body, headers = form(*parts)
    sent = ApiRequest.from_values(method="POST", data=body, headers=headers)
    assert isinstance(sent, ApiRequest)
    return sent


@pytest.mark.parametrize("head", HEADS)
def test_a_part_with_a_media_type_or_a_file_name_is_a_file(head: str) -> None:
    request = 'Content-Disposition: form-data; name="request"\r\nContent-Type: application/json'
    with parsed((request, b"{}"), (head, FILE)) as sent:
        assert sent.get_json() == {}
        assert sent.files["photo"].stream.read() == FILE


def test_a_part_with_neither_is_a_text() -> None:
    with parsed((NAMED, b"x"), ('Content-Disposition: form-data; name="request"', b'{"a": 1}')) as sent:
        assert sent.form.to_dict() == {"photo": "x", "request": '{"a": 1}'}
        assert not sent.files


def test_a_transfer_is_made_from_a_part_without_a_file_name(service: RunningService) -> None:
    request = json.dumps(QUICK | {"content": "file:photo", "styles": [STYLE], "iterations": 0}).encode()
    body, headers = form(('Content-Disposition: form-data; name="request"', request), (HEADS[0], FILE))
    answer = requests.post(f"{service.url}/v1/transfers", body, headers=headers, timeout=30)
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize(
    "text, value",
    [
        ("64.0", 64),
        ("6.4e1", 64),
        ("640E-1", 64),
        ("-0.0", 0),
        ("9007199254740993.0", 9007199254740993),
        ("1e18", 10**18),
    ],
)
def test_an_integer_may_have_a_fraction_of_zeros(text: str, value: int) -> None:
    read = read_object(b'{"n": [%s]}' % text.encode())["n"][0]
    assert (read, type(read)) == (value, int)


@pytest.mark.parametrize(
    "text", ["64.5", "1e400", "1e300", "64.00000000000000000000001", "1e-400", "0.1", "1e-99999999999999999999"]
)
def test_other_numbers_are_no_integers(text: str) -> None:
    assert type(read_object(b'{"n": %s}' % text.encode())["n"]) is float or float(text) == 0


def posted(service: RunningService, body: dict[str, Any], **numbers: str) -> requests.Response:
    """Post a body with texts in place of some of its values, marked as `@name`."""
    text = json.dumps(body)
    for name, number in numbers.items():
        text = text.replace(f'"@{name}"', number)
    return requests.post(
        f"{service.url}/v1/transfers", text, headers={"Content-Type": "application/json"}, timeout=30
    )


def test_64_0_is_an_integer_at_every_place(service: RunningService) -> None:
    body = QUICK | {"size": "@size", "seed": "@seed", "styles": [STYLE], "priority": "@priority"}
    body |= {"variants": [{"iterations": "@iterations", "quality": "@quality", "levels": "@levels"}]}
    made = posted(
        service, body, size="64.0", seed="1e1", priority="-1.0", iterations="0.0", quality="9e1", levels="1.0"
    )
    assert made.status_code == 202, made.text
    shown = made.json()
    assert '"size":64,' in made.text.replace(" ", "")
    assert (shown["options"]["size"], shown["options"]["seed"]) == (64, 10)
    again = posted(
        service, QUICK | {"styles": [STYLE], "init": {"job": shown["id"], "variant": "@variant"}}, variant="64.0"
    )
    assert_refused(again, "init.job")
    assert service.get("/v1/transfers?limit=2.0").status_code == 200


@pytest.mark.parametrize("number", ["64.5", "1e400", "true", "-64.0", '"64.0"'])
def test_what_is_no_integer_in_range_is_refused(service: RunningService, number: str) -> None:
    assert_refused(posted(service, QUICK | {"styles": [STYLE], "size": "@size"}, size=number), "size")
    limit = requests.get(f"{service.url}/v1/transfers", params={"limit": number.strip('"') + "5"}, timeout=30)
    assert_refused(limit, "limit")


def test_python_callers_may_give_a_whole_float() -> None:
    options = TransferOptions.of(size=64.0, levels=2.0)
    assert (options.size, type(options.size), options.levels) == (64, int, 2)
