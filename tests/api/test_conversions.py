"""Pictures in other formats than they were made in: whose turn it is, and how many requests may wait for it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from api.controls import PHOTO
from api.decoding_turns import note_spent
from flask import Flask
from flask.testing import FlaskClient
from front_door import eventually, png
from jobs.submitting import claimed, submit

from service.api.context import KEY, AppContext
from service.api.conversions import LEAST, Conversions
from service.decoding.files import Allowance
from service.errors import Unavailable
from service.jobs.leases import Leases
from service.pictures.images import digest
from service.storage.records import PaintedPicture, TransferResult

PICTURE = png(np.asarray(PHOTO)[:64, :64])


def test_those_of_callers_who_have_taken_less_lately_come_first(
    app: Flask, client: FlaskClient, leases: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    context: AppContext = app.extensions[KEY]
    id = submit(context.queue)
    context.blobs.put(f"jobs/{id}/result", PICTURE)
    result = PaintedPicture(f"jobs/{id}/result", digest(PICTURE), 64, 64)
    leases.succeed(claimed(leases), TransferResult((result,), 10))
    spent = note_spent(monkeypatch, 4.0)
    for address in ("192.0.2.1", "192.0.2.1", "198.51.100.1"):
        origin = {"REMOTE_ADDR": address}
        answer = client.get(f"/v1/transfers/{id}/image", headers={"Accept": "image/webp"}, environ_base=origin)
        assert (answer.status_code, answer.mimetype) == (200, "image/webp")
    assert spent == [0.0, pytest.approx(4.0, rel=0.1), 0.0]


def test_a_tenant_s_requests_wait_in_half_of_the_places() -> None:
    conversions, read, goes_on = Conversions(4), threading.Semaphore(0), threading.Event()

    def slow() -> bytes:
        read.release()
        assert goes_on.wait(60)
        return PICTURE

    def ask(tenant: str) -> bytes:
        return conversions.converted(slow, "webp", 80, tenant, Allowance(9.0))

    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(ask, "acme")]
        assert read.acquire(timeout=60)
        answers.append(pool.submit(ask, "acme"))
        eventually(lambda: conversions._places.taken_by("acme") == 2, 60, "it doesn't wait")
        with pytest.raises(Unavailable):
            ask("acme")
        answers.append(pool.submit(ask, "birch"))
        goes_on.set()
        assert {answer.result()[8:12] for answer in answers} == {b"WEBP"}
    assert ask("acme")


def test_whoever_waits_for_its_turn_leaves_with_its_client() -> None:
    conversions, read, goes_on = Conversions(4), threading.Semaphore(0), threading.Event()

    def slow() -> bytes:
        read.release()
        assert goes_on.wait(60)
        return PICTURE

    def client_gone() -> None:
        raise Unavailable("the client is gone")

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(conversions.converted, slow, "webp", 80, "acme", Allowance(9.0))
        assert read.acquire(timeout=60)
        with pytest.raises(Unavailable, match="the client is gone"):
            conversions.converted(slow, "webp", 80, "acme", Allowance(9.0, tick=client_gone))
        assert conversions._places.taken_by("acme") == 1
        goes_on.set()
        assert first.result()


def test_thumbnails_have_more_places_of_their_own_and_see_that_a_client_is_gone() -> None:
    conversions, ticks = Conversions(1), list[int]()
    assert conversions._places.take("acme")
    assert conversions.thumbnail(lambda: PICTURE, "acme", Allowance(9.0, tick=lambda: ticks.append(1)))
    assert ticks
    taken = [conversions._of_thumbnails.take("acme") for _ in range(LEAST)]
    with pytest.raises(Unavailable):
        conversions.thumbnail(lambda: PICTURE, "acme", Allowance(9.0))
    assert taken == [True] * (LEAST // 2) + [False] * (LEAST // 2)
