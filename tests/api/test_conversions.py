"""Pictures in other formats than they were made in: whose is next, and how many requests may wait for theirs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

import numpy as np
import picture_bombs as bombs
import pytest
from api.controls import PHOTO
from api.decoding_turns import note_spent
from flask import Flask
from flask.testing import FlaskClient
from front_door import eventually, png
from jobs.submitting import claimed, submit
from werkzeug.test import TestResponse

from service.api.context import KEY, AppContext
from service.api.conversions import LEAST, Conversions
from service.decoding import files, lanes
from service.decoding.allowance import Allowance, no_tick
from service.decoding.decoders import TooSlow
from service.decoding.lane import Lane, Rank
from service.decoding.unread import Unread
from service.errors import Unavailable
from service.jobs.leases import Leases
from service.pictures.images import digest
from service.storage.records import PaintedPicture, TransferResult

PICTURE = png(np.asarray(PHOTO)[:64, :64])
FILE = Unread.of(PICTURE)


class Stored(Protocol):
    def __call__(self, data: bytes, side: int = 64) -> str: ...


@pytest.fixture
def stored(app: Flask, leases: Leases) -> Stored:
    """Store a transfer's result, square with a side of so many pixels as its row says; return the transfer's id."""
    context: AppContext = app.extensions[KEY]

    def store(data: bytes, side: int = 64) -> str:
        id = submit(context.queue)
        context.blobs.put(f"jobs/{id}/result", data)
        picture = PaintedPicture(f"jobs/{id}/result", digest(data), side, side)
        leases.succeed(claimed(leases), TransferResult((picture,), 10))
        return id

    return store


def as_webp(client: FlaskClient, id: str, address: str = "192.0.2.1") -> TestResponse:
    origin = {"REMOTE_ADDR": address}
    return client.get(f"/v1/transfers/{id}/image", headers={"Accept": "image/webp"}, environ_base=origin)


def test_those_of_callers_who_have_taken_less_lately_come_first(
    client: FlaskClient, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, spent = stored(PICTURE), note_spent(monkeypatch, 4.0)
    for address in ("192.0.2.1", "192.0.2.1", "198.51.100.1"):
        answer = as_webp(client, id, address)
        assert (answer.status_code, answer.mimetype) == (200, "image/webp")
    assert spent == [0.0, pytest.approx(4.0, rel=0.1), 0.0]


def test_what_one_took_in_vain_counts_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "WHOLE", 0.02)
    costly, taken = Unread.of(bombs.many_scans(2000, 99)), list[float]()
    with pytest.raises(TooSlow):
        Conversions(4).converted(costly, "webp", 80, "acme", Allowance(9.0, on_spent=taken.append))
    assert len(taken) == 1 and taken[0] > 0


def test_a_small_one_waits_for_no_large_one_which_is_not_read_before_its_turn(
    app: Flask, client: FlaskClient, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    context: AppContext = app.extensions[KEY]
    monkeypatch.setattr(lanes, "_slow", slow := Lane(1))
    large, small = stored(PICTURE, 4000), stored(PICTURE)
    context.blobs.delete(f"jobs/{large}/result")
    with ThreadPoolExecutor(1) as pool:
        with slow.place(Rank(), no_tick):
            waits = pool.submit(as_webp, app.test_client(), large)
            eventually(lambda: len(slow._waiting) == 1, 60, "it doesn't wait")
            assert as_webp(client, small).mimetype == "image/webp"
            context.blobs.put(f"jobs/{large}/result", PICTURE)
        assert waits.result().mimetype == "image/webp"


def test_a_tenant_s_requests_wait_in_half_of_the_places() -> None:
    conversions, read, goes_on = Conversions(4), threading.Semaphore(0), threading.Event()

    def slow() -> bytes:
        read.release()
        assert goes_on.wait(60)
        return PICTURE

    def ask(tenant: str) -> bytes:
        return conversions.converted(replace(FILE, read=slow), "webp", 80, tenant, Allowance(9.0))

    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(ask, "acme") for _ in range(2)]
        assert read.acquire(timeout=60) and read.acquire(timeout=60)
        with pytest.raises(Unavailable):
            ask("acme")
        answers.append(pool.submit(ask, "birch"))
        goes_on.set()
        assert {answer.result()[8:12] for answer in answers} == {b"WEBP"}
    assert ask("acme")


def test_whoever_waits_leaves_with_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    conversions = Conversions(1)
    monkeypatch.setattr(lanes, "_fast", fast := Lane(1))

    def client_gone() -> None:
        raise Unavailable("the client is gone")

    with fast.place(Rank(), no_tick), pytest.raises(Unavailable, match="the client is gone"):
        conversions.converted(FILE, "webp", 80, "acme", Allowance(9.0, tick=client_gone))
    assert conversions.converted(FILE, "webp", 80, "acme", Allowance(9.0))  # in the only place


def test_thumbnails_have_more_places_of_their_own_and_see_that_a_client_is_gone() -> None:
    conversions, ticks = Conversions(1), list[int]()
    assert conversions._places.take("acme")
    assert conversions.thumbnail(FILE, "acme", Allowance(9.0, tick=lambda: ticks.append(1)))
    assert ticks
    taken = [conversions._of_thumbnails.take("acme") for _ in range(LEAST)]
    with pytest.raises(Unavailable):
        conversions.thumbnail(FILE, "acme", Allowance(9.0))
    assert taken == [True] * (LEAST // 2) + [False] * (LEAST // 2)
