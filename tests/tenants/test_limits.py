"""Limits of tenants, through the front door: two web processes, two workers, and tenants with values of their own."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import requests
from front_door import RunningService, b64, eventually
from picture_files import png_chunk
from tenants.limiting import (
    LONG,
    cancel_all,
    change,
    left_of,
    refusals,
    refused,
    running,
    status_of,
    submitted,
    tenant,
    transfer,
)
from tenants.people import Person, command

from service.storage.database import Database
from service.storage.tenant_schema import UsageRow
from service.tenants.keys import LATE_S

pytestmark = pytest.mark.slow


def test_twenty_at_once_do_not_pass_a_limit_of_six(root: Person, small: bytes) -> None:
    one = tenant(root, "waits", waiting_jobs=6)  # more than NST_CALLER_LIMIT, which counts for those without a limit
    running(one, small)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: submitted(one, small), range(20)))
    taken = [answer.headers["RateLimit"] for answer in answers if answer.status_code == 202]
    assert sorted(taken) == [f'"waiting_jobs";r={left}' for left in range(6)]  # each as its own job left it
    late = [answer for answer in answers if answer.status_code != 202]
    assert all(refused(answer, "waiting_jobs") == {"name": "waiting_jobs", "value": 6, "used": 6} for answer in late)
    assert late[0].headers["RateLimit"] == f'"waiting_jobs";r=0;t={late[0].headers["Retry-After"]}'
    assert root.get("/v1/tenants/waits").json()["used"]["waiting_jobs"] == 6
    score = {"content": b64(small), "image": b64(small), "styles": [{"image": b64(small)}], "size": 64}
    refused(one.post("/v1/scores", score), "waiting_jobs")
    refused(one.save("warmed", small, warm=[64]), "waiting_jobs")
    assert one.get("/v1/styles/warmed").status_code == 404
    assert one.save("plain", small).status_code == 201
    refused(one.ask("PUT", "/v1/styles/plain/painter", {"size": 64, "minutes": 0.01}), "waiting_jobs")
    cancel_all(one)


def test_a_caller_whose_tenant_has_no_limit_is_told_of_its_own(root: Person, small: bytes) -> None:
    one = tenant(root, "waits-not")
    running(one, small)
    answers = [submitted(one, small) for _ in range(5)]
    assert [answer.status_code for answer in answers] == 4 * [202] + [429]  # NST_CALLER_LIMIT
    assert all("RateLimit" not in answer.headers for answer in answers[:4])
    assert refused(answers[-1], "waiting_jobs", "too-many-jobs") == {"name": "waiting_jobs", "value": 4, "used": 4}
    assert answers[-1].headers["RateLimit-Policy"] == '"waiting_jobs";q=4;qu="jobs"'
    estimate = one.post("/v1/estimates", transfer(small)).json()
    assert (estimate["allowed"], estimate["refusal"]["limit"]["name"]) == (False, "waiting_jobs")
    cancel_all(one)


def test_a_limit_on_running_jobs_lets_others_go_first(root: Person, small: bytes) -> None:
    greedy, modest = tenant(root, "greedy"), tenant(root, "modest")
    first = running(greedy, small)
    second = submitted(greedy, small).json()["id"]
    assert modest.post("/v1/transfers", transfer(small), Prefer="wait=60").json()["status"] == "succeeded"
    assert [status_of(greedy, id) for id in (first, second)] == ["running", "queued"]  # though a worker is free
    used = root.get("/v1/tenants/greedy").json()["used"]
    assert (used["waiting_jobs"], used["running_jobs"]) == (1, 1)
    assert greedy.delete(f"/v1/transfers/{first}").status_code == 204
    eventually(lambda: status_of(greedy, second) == "succeeded", 60, "it doesn't end")


def test_a_day_s_cost_counts_what_is_to_come_and_not_yesterday(
    root: Person, house: RunningService, small: bytes
) -> None:
    one = tenant(root, "costs")
    running(one, small)  # so that the others wait, and cost what was planned
    body = transfer(small) | {"iterations": 100, "tolerance": 0}
    estimate = one.post("/v1/estimates", body).json()
    assert estimate["allowed"] is True
    assert estimate["refusal"] is None
    cost, today = estimate["cost"], datetime.now(UTC)
    limit = root.get("/v1/tenants/costs").json()["used"]["daily_cost"] + 3.5 * cost
    change(root, "costs", daily_cost=limit)
    enter(house, "costs", today - timedelta(days=1), 1000 * cost)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: one.post("/v1/transfers", body), range(20)))
    assert [answer.status_code for answer in answers].count(202) == 3
    late = next(answer for answer in answers if answer.status_code != 202)
    assert refused(late, "daily_cost")["value"] == limit
    until = 86_400 - datetime.now(UTC).timestamp() % 86_400
    assert int(late.headers["Retry-After"]) == pytest.approx(until, abs=60)
    refusal = one.post("/v1/estimates", body).json()
    assert refusal["allowed"] is False
    assert refusal["refusal"]["limit"]["name"] == "daily_cost"
    large = transfer(small) | {"styles": [{"image": b64(small), "scale": scale} for scale in (4, 3.9, 3.8, 3.7)]}
    assert one.post("/v1/estimates", large).json()["allowed"] is False
    refused(one.post("/v1/transfers", large), "daily_cost")  # for its style pictures
    assert submitted(one, small).status_code == 202
    cancel_all(one)
    enter(house, "costs", today, limit)
    refused(submitted(one, small), "daily_cost")
    assert one.save("plain", small).status_code == 201
    refused(one.ask("PUT", "/v1/styles/plain/painter", {"size": 64, "minutes": 0.01}), "daily_cost")


def enter(service: RunningService, name: str, day: datetime, cost: float) -> None:
    """Enter a day's cost in the ledger of a running service."""
    zero = {"jobs": 1, "compute_s": 0.0, "bytes_in": 0, "bytes_out": 0}
    row = UsageRow(tenant=name, day=day.date().isoformat(), megapixel_evaluations=cost, **zero)
    with closing(Database(f"sqlite:///{service.data / 'service.db'}")) as database, database.writing() as session:
        session.merge(row)


def test_presets_can_be_so_many_by_every_way_in(root: Person, small: bytes) -> None:
    one = tenant(root, "saves", presets=2)
    assert one.save("a", small).headers["RateLimit"] == '"presets";r=1'
    assert one.save("b", small).status_code == 201
    pack = one.get("/v1/styles/a/pack")
    assert pack.status_code == 200, pack.text
    assert refused(one.save("c", small), "presets") == {"name": "presets", "value": 2, "used": 2}
    headers = {"X-API-Key": one.key, "Content-Type": "application/octet-stream"}
    url = f"{one.service.url}/v1/styles/packed/pack"
    refused(requests.put(url, data=pack.content, headers=headers, timeout=60), "presets")
    refused(requests.put(url, data=b"no pack", headers=headers, timeout=60), "presets")  # before it is looked at
    assert one.save("a", small, description="again").status_code == 200  # replacing one adds none
    assert one.delete("/v1/styles/a").status_code == 204
    (former, *_) = one.get("/v1/styles/a/versions").json()["items"]
    assert one.save("c", small).status_code == 201
    refused(one.post("/v1/styles/a/restore", {"version": former["version"]}), "presets")
    assert one.delete("/v1/styles/c").status_code == 204
    assert one.post("/v1/styles/a/restore", {"version": former["version"]}).status_code == 200
    with ThreadPoolExecutor(8) as pool:
        change(root, "saves", presets=4)
        answers = list(pool.map(lambda k: one.save(f"at-once-{k}", small).status_code, range(8)))
    assert sorted(answers) == [201, 201] + 6 * [429]


def test_files_can_take_so_much(root: Person, small: bytes, photo_png: bytes) -> None:
    one = tenant(root, "stores", stored_mb=0.1)
    found = refused(submitted(one, photo_png), "stored_mb")
    assert (found["value"], found["used"]) == (0.1, 0)
    answer = one.save("large", photo_png)
    refused(answer, "stored_mb")
    assert answer.headers["Retry-After"] == "3600"  # it takes more than all may, so time doesn't help
    assert 'qu="content-bytes"' in answer.headers["RateLimit-Policy"]
    answer = one.save("small", small)
    assert answer.status_code == 201
    takes = math.floor(0.1 * 2**20) - left_of(answer, "stored_mb")[1]
    change(root, "stores", stored_mb=100)
    time.sleep(LATE_S)  # every web process knows it, and says what is left of it
    large = small[:-12] + png_chunk(b"prVt", bytes(33 * 2**20)) + small[-12:]
    answer = one.save("beyond-a-caller-s", large)
    assert answer.status_code == 201  # NST_CALLER_DISK_MB is for those without a limit
    change(root, "stores", stored_mb=100 + (takes + 1000 - left_of(answer, "stored_mb")[1]) / 2**20)
    refused(one.save("one-more", small, warm=[64]), "stored_mb")  # for the task, which finds its preset there
    assert one.get("/v1/styles/one-more").status_code == 404
    assert one.save("one-more", small).status_code == 201


def test_files_of_a_purged_preset_count_while_a_job_keeps_them(root: Person, small: bytes) -> None:
    def stored() -> float:
        used: float = root.get("/v1/tenants/keeps").json()["used"]["stored_mb"]
        return used

    one = tenant(root, "keeps", stored_mb=30)
    large = small[:-12] + png_chunk(b"prVt", bytes(16 * 2**20)) + small[-12:]
    assert one.save("large", large).status_code == 201
    styled = {"content": b64(small), "styles": [{"preset": "large"}]} | LONG
    assert one.post("/v1/transfers", styled).status_code == 202
    assert one.delete("/v1/styles/large?purge=true").status_code == 204
    assert stored() > 16
    refused(one.save("another", large), "stored_mb")
    cancel_all(one)
    assert one.save("small", small).status_code == 201
    assert stored() < 1


def test_callers_of_the_default_tenant_have_caps_of_their_own_and_headers_tell_what_leaves_less(
    root: Person, small: bytes
) -> None:
    change(root, "default", waiting_jobs=6, stored_mb=1000)
    try:
        one, other = root.with_key(["run", "read"]), root.with_key(["run"])
        running(one, small)
        answers = [submitted(one, small) for _ in range(5)]
        assert [answer.status_code for answer in answers] == 4 * [202] + [429]
        assert refused(answers[-1], "waiting_jobs", "too-many-jobs")["used"] == 4
        left = [left_of(answer, "waiting_jobs") for answer in answers]
        assert left == [(4, 3), (4, 2), (4, 1), (4, 0), (4, 0)]
        assert left_of(answers[0], "stored_mb")[0] == 32 * 2**20
        assert left_of(submitted(other, small), "waiting_jobs") == (6, 1)
    finally:
        change(root, "default", waiting_jobs=None, stored_mb=None)
        cancel_all(root)


def test_a_change_counts_within_five_seconds(root: Person, house: RunningService) -> None:
    one = tenant(root, "changes")
    assert "RateLimit" not in one.get("/v1/styles").headers
    done = command(house, "tenants", "set", "changes", "--limit", "requests=1000", "--limit", "presets=9")
    assert done.returncode == 0, done.stderr
    begun = time.monotonic()
    eventually(lambda: all("RateLimit" in one.get("/v1/styles").headers for _ in range(6)), 5, "not known yet")
    assert time.monotonic() - begun < 5
    shown = one.get("/v1/tenants/changes").json()
    assert (shown["limits"]["requests"], shown["limits"]["presets"]) == (1000, 9)
    assert (shown["limits"]["running_jobs"], shown["limits_in_force"]["running_jobs"]) == (None, 1)
    assert change(root, "changes", requests=None)["limits_in_force"]["requests"] is None
    eventually(lambda: all("RateLimit" not in one.get("/v1/styles").headers for _ in range(6)), 5, "still there")
    assert "presets=9" in command(house, "tenants", "list").stdout
    bad = command(house, "tenants", "set", "changes", "--limit", "waiting=3")
    assert bad.returncode != 0
    assert "--limit: must be NAME=VALUE, with one of requests, burst" in bad.stderr


def test_refusals_are_counted(house: RunningService) -> None:
    counts = refusals(house)
    here = {"waiting_jobs", "daily_cost", "stored_mb", "presets"}
    assert counts.keys() == here | {"requests", "streams", "batch_pictures", "long_reads", "fetches"}
    assert all(counts[name] > 0 for name in here), counts


@pytest.mark.parametrize(
    "limits",
    [
        {"waiting_jobs": 0},
        {"waiting_jobs": 1.5},
        {"requests": True},
        {"jobs": 3},
        {"daily_cost": 1e300},
        {"stored_mb": 1e9},
    ],
)
def test_values_that_can_be_no_limits_are_refused(root: Person, limits: dict[str, float]) -> None:
    response = root.ask("PATCH", "/v1/tenants/default", {"limits": limits})
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == f"limits.{next(iter(limits))}"
