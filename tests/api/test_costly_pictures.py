"""What the pictures of one request may cost: each by itself, and all of them together."""

from __future__ import annotations

import json
import socket
import statistics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import picture_bombs as bombs
import pytest
from api.controls import PHOTO, QUICK, STYLE, assert_refused
from api.decoding_turns import note_spent
from flask.testing import FlaskClient
from front_door import RunningService, b64, eventually, png
from picture_files import png_claiming
from styles.pack_files import some_pack

from service.api.intake.recent_reads import HALF_S, REMEMBERED, RecentReads
from service.config import Settings
from service.decoding import files, lanes
from service.decoding.allowance import no_tick
from service.decoding.decoders import TooSlow
from service.decoding.lane import Lane, Rank


def tiny(number: int) -> str:
    """A small picture like no other, as an Image."""
    return b64(png(np.full((8, 8, 3), number, np.uint8)))


def errors(response: Any) -> dict[str, str]:
    assert response.status_code == 422, response.text
    return {error["loc"]: error["msg"] for error in response.json["errors"]}


@pytest.fixture
def settings(data_folder: Path) -> Settings:
    return Settings(data=data_folder, starters=False, request_pictures=4, request_megapixels=0.01)


def test_a_request_may_bring_so_many_pictures(client: FlaskClient) -> None:
    styles = [{"image": tiny(number)} for number in range(5)]
    found = errors(client.post("/v1/transfers", json={"content": tiny(0), "styles": styles, "size": 32}))
    assert found == {"styles.4.image": "is one too many: a request may bring 4 pictures"}
    assert set(errors(client.put("/v1/styles/many", json={"images": styles}))) == {"images.4.image"}
    again = {"content": tiny(1), "styles": [{"image": tiny(2)}] * 8, "size": 32}
    assert client.post("/v1/transfers", json=again).status_code == 202


def test_pictures_that_can_not_be_read_count_too(client: FlaskClient) -> None:
    styles = [{"image": b64(b"no picture %d" % number)} for number in range(6)]
    found = errors(client.post("/v1/transfers", json={"content": tiny(1), "styles": styles, "size": 32}))
    assert {loc for loc, msg in found.items() if "one too many" in msg} == {
        "styles.4.image",
        "styles.5.image",
        "content",
    }


def test_the_pictures_of_a_request_may_have_so_many_pixels_in_all(client: FlaskClient) -> None:
    large = b64(png(np.zeros((80, 80, 3), np.uint8)))
    other = b64(png(np.ones((80, 80, 3), np.uint8)))
    found = errors(client.post("/v1/scores", json={"content": large, "image": other, "styles": [], "size": 64}))
    assert found["image"] == "is too large: the pictures of a request may have 0.01 megapixels in all"
    assert "content" not in found


def test_pixels_count_before_they_are_decoded(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.decoding.lanes.run", lambda *_: pytest.fail("decoded"))
    body = {"content": b64(bombs.many_scans(2000, 90)), "styles": [{"preset": "p"}]}
    assert set(errors(client.post("/v1/transfers", json=body))) == {"content"}


def test_pictures_of_callers_who_have_taken_less_lately_come_first(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = note_spent(monkeypatch, 4.0)
    for number, address in enumerate(("192.0.2.1", "192.0.2.1", "198.51.100.1")):
        body = {"content": tiny(number), "styles": [{"image": "no picture"}]}
        client.post("/v1/transfers", json=body, environ_base={"REMOTE_ADDR": address})
    assert spent == [0.0, pytest.approx(4.0, rel=0.1), 0.0]


def test_thumbnails_of_presets_and_packs_count_for_their_callers(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = note_spent(monkeypatch, 4.0)
    assert client.put("/v1/styles/own", json={"images": [{"image": tiny(1)}]}).status_code == 201
    for _ in range(2):
        client.put("/v1/styles/packed/pack", data=some_pack().to_bytes(), content_type="application/octet-stream")
    assert len(spent) == 4  # the preset's picture and its thumbnail, and those of the packs
    assert all(before < after for before, after in pairwise(spent))


def test_what_was_taken_is_forgotten_by_and_by() -> None:
    clock = [0.0]
    reads = RecentReads(lambda: clock[0])
    reads.add("acme", 8.0)
    clock[0] = 2 * HALF_S
    assert reads.of("acme") == pytest.approx(2.0)
    reads.add("acme", 1.0)
    assert reads.of("acme") == pytest.approx(3.0)
    assert reads.of("birch") == 0
    for number in range(REMEMBERED):
        reads.add(str(number), 1.0)
    assert reads.of("acme") == 0.0


class TestTime:
    @pytest.fixture
    def settings(self, data_folder: Path) -> Iterator[Settings]:
        yield Settings(data=data_folder, starters=False, decode_s=0.3)
        files.start()  # with the time that files may take by default

    def test_the_pictures_of_a_request_may_take_so_long_in_all(self, client: FlaskClient) -> None:
        slow = [{"image": b64(bombs.many_scans(1000 + number, 99))} for number in range(7)]
        found = errors(client.post("/v1/transfers", json={"content": tiny(2), "styles": slow}))
        assert "takes too long to decode" in found.values()  # which one it is depends on the machine's load
        assert found["content"] == "was not read: the pictures before it took too long to decode"


class TestLater:
    """A picture that was read once may still take too long where more is wanted of it."""

    @pytest.fixture
    def settings(self, data_folder: Path) -> Settings:
        return Settings(data=data_folder, starters=False)

    @pytest.mark.parametrize("task", ["lightest", "thumbnail"])
    def test_it_is_422_too(self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, task: str) -> None:
        def run(asked: str, *args: Any, **settings: Any) -> Any:
            if asked == task:
                raise TooSlow("takes too long to decode")
            return decode(asked, *args, **settings)

        decode = lanes.run
        monkeypatch.setattr(lanes, "run", run)
        if task == "thumbnail":
            found = errors(client.put("/v1/styles/slow", json={"images": [{"image": tiny(1)}]}))
        else:
            styles = [{"image": tiny(1), "mask": tiny(255)}]
            found = errors(client.post("/v1/transfers", json={"content": tiny(2), "styles": styles, "size": 32}))
        assert found == {"images" if task == "thumbnail" else "styles.0.mask": "takes too long to decode"}

    def test_one_that_was_refused_a_place_has_taken_nothing(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lanes, "_slow", full := Lane(1, waiting=0))
        spent = note_spent(monkeypatch)
        body = {"content": b64(png_claiming(7000, 7000)), "styles": [{"preset": "p"}]}
        with full.place(Rank(), no_tick):
            assert [client.post("/v1/transfers", json=body).status_code for _ in range(2)] == [503, 503]
        assert spent == [0.0, 0.0]


@pytest.mark.parametrize("as_form", [False, True])
def test_costly_files_are_named_and_nothing_is_kept_of_them(service: RunningService, as_form: bool) -> None:
    costly = {"scans": bombs.many_scans(64, 500), "segments": bombs.many_segments(100_000),
              "runs": bombs.run_lengths(8_000_000, 8)}  # fmt: skip
    before = sorted(path.name for path in (service.data / "blobs" / "jobs").glob("*"))
    for name, data in costly.items():
        if as_form:
            body = {"request": json.dumps(QUICK | {"content": f"file:{name}", "styles": [STYLE]})}
            response = service.post_form(body, {name: (name, BytesIO(data))})
        else:
            response = service.post(QUICK | {"content": b64(data), "styles": [STYLE]})
        assert_refused(response, "content")
    assert sorted(path.name for path in (service.data / "blobs" / "jobs").glob("*")) == before


@pytest.mark.slow
def test_nothing_is_read_for_a_client_that_is_gone(service: RunningService) -> None:
    pictures = [{"image": b64(bombs.many_scans(1500 + number, 99))} for number in range(16)]
    body = json.dumps(QUICK | {"styles": pictures}).encode()
    head = f"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    before = len(service.log.read_text())
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(b"POST /v1/transfers HTTP/1.1\r\n" + head.encode() + body)
    eventually(lambda: '"status": 503' in service.log.read_text()[before:], 60, "it is still read")


@pytest.mark.slow
def test_honest_requests_go_on_beside_costly_ones(service: RunningService) -> None:
    """Six pictures of seconds of CPU time each: what can't be read soon is refused with 503."""
    nowhere = QUICK | {"styles": [{"preset": "nowhere"}]}
    costly = [nowhere | {"content": b64(bombs.many_scans(4500 + number, 99))} for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(service.post, body) for body in costly]
        taken = []
        while not all(answer.done() for answer in answers):
            response = service.post(nowhere | {"content": b64(png(PHOTO))})
            assert_refused(response, "styles.0.preset")
            taken.append(response.elapsed.total_seconds())
    assert {answer.result().status_code for answer in answers} <= {422, 503}
    assert len(taken) > 2
    assert statistics.median(taken) < statistics.median(answer.result().elapsed.total_seconds() for answer in answers)
