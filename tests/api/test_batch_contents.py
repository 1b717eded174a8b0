"""Contents of a batch that pictures of others are in the way of, that come late, or whose preset is replaced.

And how many requests may read pictures for long.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from api.decoding_turns import note_spent
from flask import Flask
from flask.testing import FlaskClient
from front_door import b64, png
from outbound.picture_server import Answer, PictureServer

from service.api.context import KEY, AppContext
from service.api.intake import contents as reading
from service.api.intake import remote_pictures
from service.api.intake.batch import BATCH_S
from service.api.intake.submit import LOOK_UPS
from service.config import Settings
from service.decoding import lanes
from service.decoding.allowance import Tick
from service.decoding.lane import Lane, Rank
from service.errors import DatabaseError, TooManyReads, Unavailable
from service.jobs.batches import Batches, BatchItem
from service.outbound.fetch import ByteBudget
from service.storage.disks import Disk
from service.storage.left import left_folders
from service.storage.schema import DEFAULT_TENANT
from service.storage.tenant_limits import TenantLimits
from service.storage.unsaved import FEW

PHOTO = png(np.random.default_rng(5).integers(0, 255, (48, 64, 3), np.uint8))
RECIPE: dict[str, Any] = {"styles": [{"image": b64(PHOTO)}], "size": 64}
LATE = "took too long together"


@pytest.fixture(scope="module")
def host() -> Iterator[PictureServer]:
    with PictureServer() as server:
        yield server


@pytest.fixture
def settings(data_folder: Path, host: PictureServer) -> Settings:
    hosts = (f"127.0.0.1:{host.port}",)
    return Settings(data=data_folder, starters=False, image_hosts=hosts, delivery_hosts=("127.0.0.1",))


def items(client: FlaskClient, contents: list[Any], recipe: dict[str, Any] = RECIPE) -> list[dict[str, Any]]:
    answer = client.post("/v1/batches", json=recipe | {"contents": contents})
    assert answer.status_code == 202, answer.text
    found: list[dict[str, Any]] = client.get(answer.json["links"]["items"]).json["items"]  # type: ignore[index]
    return found


def problem(answer: Any) -> tuple[int, str, bool]:
    """Return the status, the type and whether it says when to come again."""
    return answer.status_code, answer.json["type"].rpartition(":")[2], "Retry-After" in answer.headers


def limit(answer: Any) -> tuple[dict[str, Any], str, str]:
    """Return what a refusal says of its limit: in the problem, and in both fields of the head."""
    return answer.json["limit"], answer.headers["RateLimit-Policy"], answer.headers["RateLimit"]


def test_half_of_the_threads_are_left_to_requests_that_read_nothing_for_long(
    app: Flask, client: FlaskClient, host: PictureServer
) -> None:
    context: AppContext = app.extensions[KEY]
    half = context.settings.web_threads // 2
    addressed = RECIPE | {"content": {"url": host.add("/place.png", PHOTO)}}
    before = len(host.asked)

    def answers() -> list[Any]:
        sent = client.post("/v1/batches", json=RECIPE | {"contents": [b64(PHOTO)]})
        pack = client.put("/v1/styles/packed/pack", data=b"no pack", content_type="application/octet-stream")
        return [sent, client.post("/v1/transfers", json=addressed), pack]

    def take(stack: ExitStack, tenant: str, places: int) -> None:
        for _ in range(places):
            stack.enter_context(context.long_reads.place(tenant))

    with ExitStack() as others:
        take(others, "acme", half // 2)
        with pytest.raises(TooManyReads):
            take(others, "acme", 1)
        take(others, "birch", half // 2)
        assert [problem(answer) for answer in answers()] == [(503, "unavailable", True)] * 3
        plain = client.post("/v1/transfers", json=RECIPE | {"content": b64(PHOTO)})
        assert plain.status_code == 202, plain.text
    with ExitStack() as own:
        take(own, DEFAULT_TENANT, half)
        refused = answers()
        assert [problem(answer) for answer in refused] == [(429, "too-many-reads", True)] * 3
        policy, left = f'"long_reads";q={half};qu="concurrent-requests"', '"long_reads";r=0;t=5'
        told = {"name": "long_reads", "value": half, "used": half}, policy, left
        assert [limit(answer) for answer in refused] == [told] * 3
    assert len(host.asked) == before
    assert [answer.status_code for answer in answers()] == [202, 202, 422]


def test_a_content_waits_until_others_pictures_are_read_and_spends_nothing_meanwhile(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = iter([False, True, True])

    class Busy(Lane):
        @contextmanager
        def place(self, rank: Rank, tick: Tick) -> Iterator[None]:
            if next(full, False):
                raise Unavailable("too many pictures are being read", retry_after=1)
            with super().place(rank, tick):
                yield

    spent = note_spent(monkeypatch, 1.0)
    monkeypatch.setattr(lanes, "_fast", Busy(1))
    monkeypatch.setattr(reading, "RETRY_S", 0.01)
    made = items(client, [b64(PHOTO)] * 2)
    assert [item["status"] for item in made] == ["queued", "queued"]
    assert spent == [0.0, 1.0, 1.0, 1.0, 2.0]  # the style, and two contents, one of them three times


def test_a_content_waits_for_its_turn_among_the_tenants_fetches(
    app: Flask, client: FlaskClient, host: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    context: AppContext = app.extensions[KEY]
    monkeypatch.setattr(context.fetches, "_wait_s", 0.05)
    slow = [host.add(f"/turn/{i}.png", PHOTO, seconds=0.3) for i in range(2)]
    before = len(host.asked)
    with context.fetches.begun(dict.fromkeys(slow, ByteBudget(10**6)), DEFAULT_TENANT) as begun:
        while len(host.asked) < before + 2:
            time.sleep(0.01)
        (made,) = items(client, [{"url": host.add("/turn/mine.png", PHOTO)}])
        assert any(file.done() for file in begun.values())
    assert (made["status"], made["name"]) == ("queued", "mine.png")


WRONG: dict[str, dict[str, Any]] = {
    "styles": {"styles": []},
    "styles.0.preset": {"styles": [{"preset": "nowhere"}]},
    "styles.0.image": {"method": "painter"},
    "strength": {"strength": 0.5, "style_weight": 2.0},
    "blend.to": {"styles": None, "blend": {"from": "harbour", "to": "nowhere", "steps": 2}},
    "deliver.url": {"variants": [{"seed": 1}, {"seed": 2}], "deliver": {"url": "http://127.0.0.1/{index}.png"}},
}
"""Fields with what is wrong in them, whatever the pictures are."""


@pytest.mark.parametrize("loc", WRONG)
def test_nothing_is_fetched_for_a_body_that_is_wrong_elsewhere(
    client: FlaskClient, host: PictureServer, loc: str
) -> None:
    if "blend" in WRONG[loc]:
        client.put("/v1/styles/harbour", json={"images": [{"image": b64(PHOTO)}]})
    image = {"url": host.add("/wrong.png", PHOTO)}
    recipe = {"styles": [{"image": image}], "size": 64, "protect": image} | WRONG[loc]
    recipe = {name: value for name, value in recipe.items() if value}
    before = len(host.asked)
    bodies: dict[str, dict[str, Any]] = {"/v1/batches": {"contents": [image]}, "/v1/transfers": {"content": image}}
    for path, contents in bodies.items():
        answer = client.post(path, json=recipe | contents)
        assert answer.status_code == 422, answer.text
        assert loc in {error["loc"] for error in answer.json["errors"]}  # type: ignore[index]
    assert len(host.asked) == before


def test_nothing_is_fetched_for_a_batch_that_is_too_much(
    app: Flask, client: FlaskClient, host: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.jobs.limits.MAX_ITEMS", 2)
    image = {"url": host.add("/much.png", PHOTO)}
    before = len(host.asked)
    refused = client.post("/v1/batches", json=RECIPE | {"contents": [image] * 3})
    assert problem(refused) == (429, "too-many-jobs", True)
    said, policy, left = limit(refused)
    assert said == {"name": "batch_pictures", "value": 2, "used": 0}
    assert policy == '"batch_pictures";q=2;qu="pictures"'
    assert left == f'"batch_pictures";r=2;t={refused.headers["Retry-After"]}'
    assert len(host.asked) == before
    (made,) = items(client, [image])
    context: AppContext = app.extensions[KEY]
    cost = TenantLimits(daily_cost=2.5 * context.queue.get(made["id"]).cost)
    monkeypatch.setattr(context.queue, "_limits", replace(context.queue._limits, tenant=cost))
    monkeypatch.setattr("service.jobs.limits.MAX_ITEMS", 100)
    urls = [host.add(f"/much/{i}.png", PHOTO) for i in range(6)]
    answer = client.post("/v1/batches", json=RECIPE | {"contents": [{"url": url} for url in urls]})
    assert problem(answer)[:2] == (429, "limit-exceeded")
    asked = {path for path, _ in host.asked if path.startswith("/much/")}
    assert asked <= {"/much/0.png", "/much/1.png"}  # the second one is too much for the rest of the day


@pytest.mark.parametrize("full", [{"queue": 1}, {"tenant": TenantLimits(waiting_jobs=1)}, {}])
def test_a_repeat_gets_the_batch_that_left_no_room_for_it(
    app: Flask, client: FlaskClient, host: PictureServer, monkeypatch: pytest.MonkeyPatch, full: dict[str, Any]
) -> None:
    """The first request is taken in while the repeat reads its contents."""
    queue, first, taken_in = app.extensions[KEY].queue, list[Any](), threading.Event()
    monkeypatch.setattr(queue, "_limits", replace(queue._limits, **full))
    if not full:
        monkeypatch.setattr(Disk, "free", lambda disk: 0 if taken_in.is_set() else 2**40)

    def post(sender: FlaskClient, key: str) -> Any:
        body = RECIPE | {"contents": [{"url": host.url("/repeated.png")}, b64(PHOTO)]}
        return sender.post("/v1/batches", json=body, headers={"Idempotency-Key": key})

    def answer() -> Answer:
        if not first:
            first.append(None)
            first[0] = post(app.test_client(), "one")
            taken_in.set()
        return 200, {}, PHOTO

    host.paths["/repeated.png"] = answer
    again = post(client, "one")
    assert (again.status_code, first[0].status_code) == (202, 202), again.text
    assert (again.json["id"], again.headers.get("Idempotency-Replayed")) == (first[0].json["id"], "true")
    assert "Idempotency-Replayed" not in first[0].headers
    assert post(client, "other").status_code in (429, 503, 507)


def test_a_batch_leaves_room_on_the_disk(
    client: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file takes 100 MiB of the 300 that are free above the floor."""

    def stored() -> int:
        return len(list(settings.data.glob("blobs/jobs/*/*")))

    monkeypatch.setattr(Disk, "size", lambda disk: 2**40)
    monkeypatch.setattr(Disk, "free", lambda disk: (500 - 100 * stored()) * 2**20)
    answer = client.post("/v1/batches", json=RECIPE | {"contents": [b64(PHOTO)] * 4})
    assert problem(answer) == (507, "no-space", True)
    assert "NST_DISK_FLOOR_MB" in answer.get_json()["detail"]
    assert stored() == 0
    items(client, [b64(PHOTO)])


def test_files_without_a_row_are_known_until_there_is_one(
    app: Flask, client: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that fails leaves files as a killed process does."""
    context: AppContext = app.extensions[KEY]

    def noted() -> set[str]:
        with context.database.reading() as session:
            return left_folders(session)

    contents = [b64(PHOTO)] * (FEW + 1)
    items(client, contents)
    assert noted() == set()
    monkeypatch.setattr(Batches, "submit", fails)
    stored = set(settings.data.glob("blobs/jobs/*/*"))
    assert client.post("/v1/batches", json=RECIPE | {"contents": contents}).status_code == 503
    lost = set(settings.data.glob("blobs/jobs/*/*")) - stored
    assert len(lost) == len(contents) + 1  # the style
    assert noted() == {f"jobs/{path.parent.name}" for path in lost}


def fails(batches: Batches, *args: Any) -> None:
    raise DatabaseError("the server went away")


def test_equal_urls_of_a_batch_are_fetched_once(client: FlaskClient, host: PictureServer) -> None:
    url, other = host.add("/equal.png", PHOTO), host.add("/other.png", PHOTO)
    missing = host.url("/none.png")
    before = len(host.asked)
    made = items(
        client,
        [
            {"url": url},
            {"url": missing},
            {"url": url, "name": "mine.jpg"},
            b64(PHOTO),
            {"url": url, "size": 5},
            {"url": missing},
            {"url": other},
            {"url": url},
        ],
    )
    assert sorted(path for path, _ in host.asked[before:]) == ["/equal.png", "/none.png", "/other.png"]
    assert [item["index"] for item in made] == list(range(8))
    read = ["equal.png", None, "mine.jpg", "", None, None, "other.png", "equal.png"]
    assert [item["name"] or "" for item in made if item["status"] == "queued"] == [
        name for name in read if name is not None
    ]
    assert [item["status"] for item in made] == ["failed" if name is None else "queued" for name in read]
    for item in (made[0], made[2], made[7]):
        assert client.get(f"/v1/transfers/{item['id']}/content").data == PHOTO


def test_pictures_of_others_come_before_those_of_a_batch_that_has_spent_more(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = note_spent(monkeypatch, 1.0)
    items(client, [b64(PHOTO)] * 3)
    assert spent == [0.0, 1.0, 2.0, 3.0]  # the style, and three contents


def test_nothing_is_fetched_or_read_once_the_time_of_a_batch_is_up(
    client: FlaskClient, host: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed, answered = [0.0], threading.Event()

    def late() -> Answer:
        passed[0] = BATCH_S
        answered.wait(30)
        return 200, {}, PHOTO

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed[0], sleep=time.sleep)
    for module in (reading, remote_pictures):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(remote_pictures, "CHECK_S", 0.05)
    urls = [host.url(f"/late/{i}.png") for i in range(5)]
    host.paths |= {f"/late/{i}.png": late for i in range(5)}
    try:
        made = items(client, [b64(PHOTO)] * 2 + [{"url": url} for url in urls] + [b64(PHOTO)])
    finally:
        answered.set()
    assert [item["status"] for item in made] == ["queued"] * 2 + ["failed"] * 6
    assert all(LATE in json.dumps(item["error"]) for item in made[2:])
    asked = {path for path, _ in host.asked if path.startswith("/late/")}
    assert asked and asked <= {"/late/0.png", "/late/1.png"}


@pytest.mark.parametrize("times", [1, LOOK_UPS])
def test_a_preset_is_looked_up_again_and_contents_are_fetched_once(
    app: Flask, client: FlaskClient, host: PictureServer, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    context: AppContext = app.extensions[KEY]

    def save() -> str:
        client.put("/v1/styles/harbour", json={"images": [{"image": b64(PHOTO)}]})
        return context.presets.get("harbour").version

    submit, submitted, versions = Batches.submit, [], [save()]

    def overtaken(batches: Batches, id: str, items: list[BatchItem], *more: Any) -> Any:
        submitted.append(items)
        if len(submitted) <= times:
            assert client.delete("/v1/styles/harbour?purge=true").status_code == 204
            versions.append(save())
        return submit(batches, id, items, *more)

    monkeypatch.setattr(Batches, "submit", overtaken)
    before = len(host.asked)
    contents = [{"url": host.add("/again.png", PHOTO)}, b64(b"no picture"), b64(PHOTO)]
    recipe = {"styles": [{"preset": "harbour"}], "size": 64}
    stored = context.settings.data / "blobs" / "jobs"
    if times == LOOK_UPS:
        answer = client.post("/v1/batches", json=recipe | {"contents": contents})
        assert (answer.status_code, len(submitted)) == (422, LOOK_UPS)
        assert not [path for path in stored.rglob("*") if path.is_file()]
    else:
        made = items(client, contents, recipe)
        assert [item["status"] for item in made] == ["queued", "failed", "queued"]
        assert versions[-1] in json.dumps(submitted[-1][0].new.request.to_json())
        assert client.get(f"/v1/transfers/{made[0]['id']}/content").data == PHOTO
    assert len(host.asked) - before == 1
