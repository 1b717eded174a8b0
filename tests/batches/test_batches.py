"""Batches through the front door."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import zipfile
from contextlib import closing
from typing import Any

import pytest
import requests
from batches.painting import LONG, RECIPE, STYLE, Batching, named, photo
from batches.streamed_zip import entries
from front_door import b64, eventually
from outbound.picture_server import PictureServer
from webhooks.receiver import Receiver, signature

from service.storage.counted import ROW

pytestmark = pytest.mark.slow

KEY: dict[str, Any] = {"Idempotency-Key": "batch-1"}


def errors(response: requests.Response) -> dict[str, str]:
    assert response.status_code == 422, response.text
    return {error["loc"]: error["msg"] for error in response.json()["errors"]}


def test_contents_of_all_kinds_are_painted_and_bad_ones_fail_alone(batching: Batching, host: PictureServer) -> None:
    contents = [
        named(0, "a.png"),
        {"url": host.add("/b.png", photo(1))},
        {"data": b64(b"no picture"), "name": "bad.png"},
        {"url": host.url("/missing.png")},
        {"url": "https://example.com/elsewhere.png"},
        5,
        b64(photo(2, 48, 40)),
        named(3, "narrow.png") | {"data": b64(photo(3, 9, 900))},
    ]
    response = batching.batch(contents)
    assert response.status_code == 202, response.text
    made = response.json()
    assert response.headers["Location"] == f"/v1/batches/{made['id']}"
    assert made["counts"]["total"] == 8
    done = batching.batch_ended(made["id"])
    assert done["status"] == "succeeded"
    bad = {2: "image", 3: "its host answered 404", 4: "NST_IMAGE_HOSTS", 5: "must be a string", 7: "size"}
    assert done["counts"] == {
        "total": 8, "queued": 0, "running": 0, "succeeded": 3, "failed": 5, "canceled": 0
    }  # fmt: skip
    assert (done["fraction"], done["eta_seconds"]) == (1, 0)
    assert done["cost"] > 0
    assert done["usage"]["megapixel_evaluations"] > 0
    assert done["usage"]["bytes_in"] == len(STYLE) + sum(len(read) for read in (photo(0), photo(1), photo(2, 48, 40)))
    with closing(sqlite3.connect(batching.data / "service.db")) as database:
        counted = database.execute("SELECT bytes FROM batches WHERE id = ?", (made["id"],)).fetchone()
    assert counted == (len(STYLE) + ROW,)
    items = batching.items(made["id"])
    assert [item["index"] for item in items] == list(range(8))
    assert [item["name"] for item in items] == [
        "a.png", "b.png", "bad.png", "missing.png", "elsewhere.png", None, None, "narrow.png"
    ]  # fmt: skip
    for item in items:
        assert item["usage"] == batching.job(item["id"])["usage"] is not None
        if item["index"] in bad:
            assert item["status"] == "failed"
            assert bad[item["index"]] in json.dumps(item["error"]), item
            assert batching.job(item["id"])["error"] == item["error"]
            assert batching.get(f"/v1/transfers/{item['id']}/content").status_code == 404
            assert batching.get(f"/v1/transfers/{item['id']}/files").json() == {"items": []}
        else:
            assert item["status"] == "succeeded"
            assert batching.get(item["links"]["image"]).status_code == 200
    last = batching.job(items[6]["id"])
    assert last["style_cache"] == "hit"  # the Gram matrices were computed once for the batch
    assert last["links"]["batch"] == f"/v1/batches/{made['id']}"
    original = batching.get(f"/v1/transfers/{items[1]['id']}/content")
    assert original.content == photo(1)
    assert batching.get(f"/v1/transfers/{items[1]['id']}/styles/0").status_code == 200  # shared by the batch
    listed = {job["id"] for job in batching.get("/v1/transfers").json()["items"]}
    assert not listed & {item["id"] for item in items}


def test_items_come_in_pages(batching: Batching) -> None:
    id = batching.made([b64(photo(i)) for i in range(5)] + [b64(b"bad")])["id"]
    seen: list[int] = []
    cursor = ""
    while True:
        page = batching.get(f"/v1/batches/{id}/items?limit=4{cursor}").json()
        seen += [item["index"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == [0, 1, 2, 3, 4, 5]
    assert [item["index"] for item in batching.items(id, "&status=failed")] == [5]
    newer = batching.made([b64(photo(0))])["id"]
    page = batching.get("/v1/batches?limit=1").json()
    assert ([batch["id"] for batch in page["items"]], page["items"][0]["counts"]["total"]) == ([newer], 1)
    assert batching.get(f"/v1/batches?limit=1&cursor={page['next']}").json()["items"][0]["id"] == id
    for made in (id, newer):
        batching.batch_ended(made)
    assert batching.shown(id) in batching.get("/v1/batches?status=succeeded").json()["items"]
    assert set(errors(batching.get("/v1/batches?status=done&cursor=x"))) == {"status"}


def test_the_zip_has_every_picture_under_its_name(batching: Batching) -> None:
    id = batching.made([named(0, "sea.png"), b64(b"bad"), named(1, "Sea.png"), b64(photo(2))])["id"]
    batching.batch_ended(id)
    response = batching.get(f"/v1/batches/{id}/zip")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["sea.png", "Sea (2).png", "painting.png"]
        items = [item for item in batching.items(id) if item["status"] == "succeeded"]
        for name, item in zip(archive.namelist(), items, strict=True):
            assert archive.read(name) == batching.get(item["links"]["image"]).content
        assert entries(response.content) == {name: archive.read(name) for name in archive.namelist()}


def test_a_form_may_bring_hundreds_of_files(batching: Batching) -> None:
    count = 300
    request = RECIPE | {"contents": [f"file:photo-{i}" for i in range(count)]}
    files: dict[str, Any] = {f"photo-{i}": (f"{i}.png", photo(i)) for i in range(count)}
    response = requests.post(
        f"{batching.url}/v1/batches", data={"request": json.dumps(request)}, files=files, timeout=120
    )
    assert response.status_code == 202, response.text
    made = response.json()
    assert made["counts"]["failed"] == 0
    assert [item["name"] for item in batching.items(made["id"])[:2]] == ["0.png", "1.png"]
    assert batching.remove(made["id"]).status_code == 204
    assert batching.get(f"/v1/batches/{made['id']}").status_code == 404
    stray = requests.post(
        f"{batching.url}/v1/batches",
        data={"request": json.dumps(RECIPE | {"contents": ["file:a"]})},
        files={"a": ("a.png", photo(0)), "b": ("b.png", photo(1))},
        timeout=60,
    )
    assert set(errors(stray)) == {"request"}


def test_what_none_of_the_contents_can_be_painted_with_is_refused(batching: Batching) -> None:
    good = b64(photo(0))
    assert set(errors(batching.batch([good, good], RECIPE | {"styles": [{"preset": "nowhere"}]}))) == {
        "styles.0.preset"
    }
    assert set(errors(batching.batch([good], RECIPE | {"size": 5}))) == {"size"}
    assert set(errors(batching.batch([]))) == {"contents"}
    assert set(errors(batching.batch([good] * 501))) == {"contents"}
    assert set(errors(batching.batch([good], RECIPE | {"content": good}))) == {"content"}
    assert set(errors(batching.batch([b64(b"a"), b64(b"b")]))) == {"contents.0", "contents.1"}
    to = {"url": "http://127.0.0.1/out.png"}
    assert set(errors(batching.batch([good, good], RECIPE | {"deliver": to}))) == {"deliver.url"}
    assert batching.get("/v1/batches/nothing").status_code == 404


def test_a_repeated_key_gets_the_batch_and_fetches_nothing(batching: Batching, host: PictureServer) -> None:
    contents = [{"url": host.add("/again.png", photo(9))}, b64(photo(8))]
    first = batching.made(contents, **KEY)
    asked = len(host.asked)
    again = batching.batch(contents, **KEY)
    assert (again.json()["id"], again.headers["Idempotency-Replayed"]) == (first["id"], "true")
    assert set(errors(batching.batch(contents[:1], **KEY))) == {"Idempotency-Key"}
    transfer = batching.post(RECIPE | {"content": b64(photo(8))}, **KEY)
    assert set(errors(transfer)) == {"Idempotency-Key"}
    assert len(host.asked) == asked
    batching.batch_ended(first["id"])


def test_a_batch_is_canceled_and_its_webhook_comes_once(batching: Batching) -> None:
    """The first picture of its first transfer is finished before."""
    with Receiver() as receiver:
        recipe = LONG | {"variants": [{"iterations": 2}, {}], "callback_url": receiver.url()}
        made = batching.made([b64(photo(i)) for i in range(6)], recipe)
        path = f"/v1/batches/{made['id']}/zip"
        eventually(lambda: batching.get(path).status_code == 200, 60, "no picture was finished")
        assert (batching.shown(made["id"])["status"], batching.shown(made["id"])["callback"]) == ("running", None)
        first = batching.items(made["id"])[0]["links"]["self"]
        finished = [batching.get(f"{first}/image?variant=0").content]
        assert list(entries(batching.get(path).content).values()) == finished
        canceled = requests.post(f"{batching.url}/v1/batches/{made['id']}/cancel", timeout=60)
        assert canceled.status_code == 202
        done = batching.batch_ended(made["id"])
        assert (done["status"], done["counts"]["canceled"]) == ("canceled", 6)
        eventually(lambda: (batching.shown(made["id"])["callback"] or {}).get("status") == "delivered", 30, "no hook")
        (hook,) = receiver.received
    told = json.loads(hook.body)
    assert hook.headers["webhook-signature"] == signature(hook)
    assert (told["type"], told["data"]) == ("batch.canceled", done | {"callback": None})
    assert list(entries(batching.get(path).content).values()) == finished


def events_in(text: str) -> list[tuple[int, str, dict[str, Any]]]:
    """The events of a stream: number, name and data."""
    found = re.findall(r"^id: (\d+)\nevent: (\w+)\ndata: (.*)$", text, re.MULTILINE)
    return [(int(number), name, json.loads(data)) for number, name, data in found]


def test_events_are_the_batch_until_its_end(batching: Batching) -> None:
    id = batching.made([b64(photo(i)) for i in range(4)])["id"]
    events = events_in(batching.get(f"/v1/batches/{id}/events", headers={"Last-Event-ID": "41"}).text)
    *progress, (number, name, last) = events
    assert [name for _, name, _ in progress] == ["progress"] * len(progress) and progress
    assert [number for number, _, _ in progress] == list(range(42, 42 + len(progress)))
    fractions = [batch["fraction"] for _, _, batch in progress]
    assert fractions == sorted(fractions) and fractions[0] < 1
    assert number > progress[-1][0]
    assert (name, last["counts"]["succeeded"], last) == ("done", 4, batching.shown(id))
    again = batching.get(f"/v1/batches/{id}/events", headers={"Last-Event-ID": str(number)})
    assert again.status_code == 204


def test_a_batch_is_removed_while_one_of_its_transfers_runs(batching: Batching) -> None:
    id = batching.made([b64(photo(i)) for i in range(3)], LONG)["id"]
    eventually(lambda: batching.shown(id)["status"] == "running", 60, "none began")
    items = batching.items(id)
    nothing = batching.get(f"/v1/batches/{id}/zip")
    assert (nothing.status_code, nothing.json()["type"]) == (409, "urn:nst:problem:not-ready")
    with batching.get(f"/v1/batches/{id}/events", stream=True) as stream:
        lines = stream.iter_lines(decode_unicode=True)
        next(line for line in lines if line == "event: progress")
        assert batching.remove(id).status_code == 204
        assert ": the batch was deleted" in list(lines)
    gone = [f"/v1/batches/{id}", f"/v1/batches/{id}/items", *(item["links"]["self"] for item in items)]
    assert [batching.get(path).status_code for path in gone] == [404] * len(gone)
    assert id not in batching.get("/v1/batches").text
    after = batching.made([b64(photo(0))])["id"]  # the worker is free for it
    assert batching.batch_ended(after, 60)["status"] == "succeeded"
    folders = batching.data / "blobs" / "jobs"
    assert not [folder for folder in (id, *(item["id"] for item in items)) if list(folders.glob(f"{folder}/*"))]


def test_pictures_of_a_batch_are_delivered_to_their_places(batching: Batching) -> None:
    with Receiver() as receiver:
        to = {"url": receiver.url("/out/{index}.png")}
        recipe = RECIPE | {"deliver": to, "callback_url": receiver.url("/hook")}
        made = batching.made([b64(photo(0)), b64(b"bad"), b64(photo(1))], recipe)
        batching.batch_ended(made["id"])
        eventually(lambda: len(receiver.received) == 3, 30, "not delivered")
        assert sorted(put.path for put in receiver.received[:2]) == ["/out/0.png", "/out/2.png"]
        assert receiver.received[2].path == "/hook"  # after the pictures


def test_a_batch_is_one_job_among_those_that_wait_and_removing_its_last_one_ends_it(batching: Batching) -> None:
    """The limit of the caller is 3 here, and the batch has six."""
    id = batching.made([b64(photo(i)) for i in range(6)], LONG)["id"]
    eventually(lambda: batching.shown(id)["counts"]["running"] == 1, 60, "none began")
    single = [batching.post(LONG | {"content": b64(photo(7))}) for _ in range(3)]
    assert [response.status_code for response in single] == [202, 202, 429]
    assert single[2].json()["type"] == "urn:nst:problem:too-many-jobs"
    assert batching.batch([b64(photo(0))]).status_code == 429
    for item in batching.items(id):
        assert requests.delete(f"{batching.url}/v1/transfers/{item['id']}", timeout=60).status_code == 204
    done = batching.shown(id)
    assert (done["status"], done["counts"]["total"], done["finished_at"] is None) == ("failed", 6, False)
    batching.cancel_all()
