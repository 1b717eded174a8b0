"""Finished pictures are sent where their caller said, before the webhook, and the secrets in that are not kept."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from front_door import ROOT, RunningService, b64, eventually, png
from webhooks.receiver import Receiver

from service.outbound.urls import MAX_LENGTH

pytestmark = pytest.mark.slow

PICTURE = png(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8))
BODY: dict[str, Any] = {"content": b64(PICTURE), "styles": [{"image": b64(PICTURE)}]}
BODY |= {"size": 64, "iterations": 2, "levels": 1}


@pytest.fixture(scope="module")
def service(second_service: RunningService) -> RunningService:
    return second_service


def delivery(service: RunningService, id: str) -> dict[str, Any]:
    found: dict[str, Any] = service.job(id)["delivery"]
    return found


def settled(service: RunningService, id: str) -> dict[str, Any]:
    service.ended(id)
    eventually(lambda: delivery(service, id)["status"] != "pending", 30, "it is pending")
    return delivery(service, id)


def errors(response: requests.Response) -> dict[str, str]:
    assert response.status_code == 422, response.text
    return {error["loc"]: error["msg"] for error in response.json()["errors"]}


def test_the_file_is_sent_as_it_is_and_the_webhook_comes_after_it(service: RunningService) -> None:
    with Receiver(500) as receiver:  # the first attempt at the picture fails
        to = {"url": receiver.url("/out/4711.png?signature=s3cr3t-1"), "headers": {"X-Amz-Acl": "s3cr3t-2"}}
        body, key = BODY | {"deliver": to, "callback_url": receiver.url("/hook")}, {"Idempotency-Key": "delivered"}
        response = service.post(body, **key)
        assert response.status_code == 202, response.text
        assert response.json()["delivery"] == {"status": "pending", "attempts": 0, "error": None}
        id = response.json()["id"]
        assert settled(service, id) == {"status": "delivered", "attempts": 2, "error": None}
        eventually(lambda: (service.job(id)["callback"] or {}).get("status") == "delivered", 30, "no webhook came")
        first, second, hook = receiver.received
        told = json.loads(service.get(f"/v1/transfers/{id}/events").text.rpartition("data: ")[2])
        assert [service.post(body, **key).json(), service.cancel(id).json(), told] == [service.job(id)] * 3
    assert (first.method, second.method, hook.method) == ("PUT", "PUT", "POST")
    assert second.path == "/out/4711.png?signature=s3cr3t-1"
    assert (second.headers["x-amz-acl"], second.headers["content-type"]) == ("s3cr3t-2", "image/png")
    assert "cookie" not in second.headers
    assert second.body == service.get(f"/v1/transfers/{id}/image").content
    assert hashlib.sha256(second.body).hexdigest() == service.job(id)["result"]["sha256"]
    assert b'"delivery":{"status":"delivered","attempts":2,"error":null}' in hook.body
    shown = service.get(f"/v1/transfers/{id}").text + service.get("/v1/transfers").text + hook.body.decode()
    assert "s3cr3t" not in shown + service.log.read_text()
    assert {item["id"]: item["delivery"] for item in service.get("/v1/transfers").json()["items"]}[id] == delivery(
        service, id
    )


def test_each_of_several_pictures_has_a_place_of_its_own(service: RunningService) -> None:
    several = BODY | {"variants": [{"seed": 1}, {"format": "jpeg"}]}
    with Receiver() as receiver:
        missing = service.post(several | {"deliver": {"url": receiver.url("/out")}})
        assert "{variant}" in errors(missing)["deliver.url"]
        place_in_a_batch = service.post(BODY | {"deliver": {"url": receiver.url("/out/{index}")}})
        assert "{index}" in errors(place_in_a_batch)["deliver.url"]
        long = receiver.url("/{variant}/")
        long += "x" * (MAX_LENGTH - len(long) + len("{variant}") - 1)  # with a number of one digit it fits
        too_long = service.post(several | {"deliver": {"url": long}})
        assert "at most" in errors(too_long)["deliver.url"]
        job = service.post(several | {"deliver": {"url": receiver.url("/out/{variant}?n={variant}")}}).json()
        assert settled(service, job["id"]) == {"status": "delivered", "attempts": 2, "error": None}
        received = {put.path: (put.headers["content-type"], put.body) for put in receiver.received}
    assert {path: media for path, (media, _) in received.items()} == {
        "/out/0?n=0": "image/png",
        "/out/1?n=1": "image/jpeg",
    }
    for path, (_, data) in received.items():
        assert data == service.get(f"/v1/transfers/{job['id']}/image?variant={path[5]}").content


def test_a_delivery_that_is_given_up_lets_the_webhook_go_and_says_so(service: RunningService) -> None:
    with Receiver(410) as receiver:
        to = {"url": receiver.url("/gone?signature=s3cr3t")}
        job = service.post(BODY | {"deliver": to, "callback_url": receiver.url("/hook")}).json()
        found = settled(service, job["id"])
        assert (found["status"], found["attempts"]) == ("failed", 1)
        assert "410" in found["error"]
        assert "s3cr3t" not in found["error"]
        eventually(lambda: len(receiver.received) == 2, 30, "no webhook came")
        assert b'"status":"failed","attempts":1' in receiver.received[1].body


def test_a_deleted_transfer_leaves_its_webhook_until_that_is_delivered_and_nothing_after_it(
    service: RunningService,
) -> None:
    def kept() -> list[str]:
        with sqlite3.connect(service.data / "service.db") as database:
            return [id for (id,) in database.execute("SELECT job_id FROM deliveries") if id in ids]

    with Receiver(204, 500) as receiver:  # the second webhook comes at the second attempt
        ids = [service.post(BODY | {"callback_url": receiver.url()}).json()["id"]]
        eventually(lambda: (service.job(ids[0])["callback"] or {}).get("status") == "delivered", 30, "it didn't come")
        ids.append(service.post(BODY | {"callback_url": receiver.url()}).json()["id"])
        eventually(lambda: len(receiver.received) == 2, 30, "no second webhook came")
        assert sorted(kept()) == sorted(ids)
        for id in ids:
            assert requests.delete(f"{service.url}/v1/transfers/{id}", timeout=60).status_code == 204
        assert kept() == ids[1:]
        eventually(lambda: len(receiver.received) == 3, 30, "it wasn't sent again")
        eventually(lambda: kept() == [], 30, "its row stayed")
    _, first, again = receiver.received
    assert (first.headers["webhook-id"], first.body) == (again.headers["webhook-id"], again.body)


def test_a_transfer_that_has_no_picture_delivers_nothing(service: RunningService) -> None:
    with Receiver() as receiver:
        to = {"url": receiver.url("/out")}
        body = BODY | {"iterations": 5000, "deliver": to, "callback_url": receiver.url("/hook")}
        id = service.post(body).json()["id"]
        service.cancel(id)
        assert settled(service, id) == {"status": "skipped", "attempts": 0, "error": None}
        eventually(lambda: len(receiver.received) == 1, 30, "no webhook came")
        assert b'"delivery":{"status":"skipped"' in receiver.received[0].body


def test_where_pictures_may_not_go_is_refused_at_the_post(service: RunningService) -> None:
    for url in ("https://example.com/a", "http://localhost/a", "http://127.1/a", "http://a:b@127.0.0.1/", "s3://b/a"):
        assert set(errors(service.post(BODY | {"deliver": {"url": url}}))) == {"deliver.url"}
    for headers in (
        {"Host": "other"},
        {"content-length": "5"},
        {"Cookie": "a=b"},
        {"X-A": "one\r\nX-B: two"},
        {"X A": "one"},
        {"X-A": "ü"},
        {"X-A": "1", "x-a": "2"},
        {f"X-{i}": "1" for i in range(21)},
        {"X-A": "s3cr3t" * 1000},
    ):
        found = errors(service.post(BODY | {"deliver": {"url": "http://127.0.0.1/", "headers": headers}}))
        assert set(found) == {"deliver.headers"}
        assert "s3cr3t" not in found["deliver.headers"]


def test_a_backup_has_the_secrets_of_deliveries_that_have_not_ended_alone(
    service: RunningService, tmp_path: Path
) -> None:
    with Receiver(500) as receiver:
        done = service.post(BODY | {"deliver": {"url": receiver.url("/?s=ended-s3cr3t" * 20)}}).json()["id"]
        settled(service, done)
    waiting = service.post(
        BODY | {"iterations": 5000, "deliver": {"url": "http://127.0.0.1:1/", "headers": {"X": "open-s3cr3t"}}}
    ).json()["id"]
    file = tmp_path / "backup.tar"
    command = [sys.executable, "-m", "service", "backup", str(file)]
    subprocess.run(command, cwd=ROOT, env=service.env, check=True, capture_output=True)
    with tarfile.open(file) as tar:
        tar.extract("service.db", tmp_path, filter="data")
    kept = (tmp_path / "service.db").read_bytes()
    assert b"ended-s3cr3t" not in kept
    assert b"open-s3cr3t" in kept
    requests.delete(f"{service.url}/v1/transfers/{waiting}", timeout=60)
    with sqlite3.connect(service.data / "service.db") as database:
        assert database.execute("SELECT count(*) FROM deliveries WHERE job_id = ?", (waiting,)).fetchone() == (0,)
