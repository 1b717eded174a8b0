"""/v1/transfers over a real socket, carried out by a real worker process."""

from __future__ import annotations

import base64
import concurrent.futures
import hashlib
import http.client
import io
import json
from contextlib import ExitStack, closing
from datetime import datetime

import numpy as np
import pytest
import requests
from front_door import Form, RunningService, b64, eventually, png, within
from PIL import Image

from service.options import OPTIONS
from service.pictures import images

LONG = {"size": 512, "iterations": 5000}  # runs until someone stops it


@pytest.fixture
def starry(service: RunningService, texture_png: bytes) -> dict[str, str]:
    service.put_style("texture", texture_png)
    return {"preset": "texture"}


def test_a_transfer_is_accepted_carried_out_and_delivered(
    service: RunningService, photo_png: bytes, starry: dict[str, str]
) -> None:
    response = service.post({"content": b64(photo_png), "styles": [starry], "size": 96, "iterations": 12})
    assert response.status_code == 202
    posted = response.json()
    assert response.headers["Location"] == f"/v1/transfers/{posted['id']}"
    assert posted["status"] in ("queued", "running")
    assert posted["result"] is None
    job = service.ended(posted["id"])
    assert job["status"] == "succeeded", job
    image = service.get(job["links"]["image"])
    assert image.headers["Content-Type"] == job["result"]["media_type"] == "image/png"
    assert hashlib.sha256(image.content).hexdigest() == job["result"]["sha256"]
    assert image.headers["ETag"] == f'"{job["result"]["sha256"]}"'
    assert (job["result"]["width"], job["result"]["height"]) == (96, 64)
    assert service.picture(job).shape == (64, 96, 3)
    assert job["progress"]["iteration"] == job["progress"]["iterations"] == 12
    assert job["progress"]["fraction"] == 1.0
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]
    assert set(job["timings"]) == {"queued_s", "style_s", "optimize_s", "total_s"}
    assert set(job["engine"]) == {"model", "weights", "device", "precision", "style_provider", "version"}
    assert job["error"] is None


def test_the_options_of_a_job_are_complete(service: RunningService, photo_png: bytes, starry: dict[str, str]) -> None:
    options = service.transfer(photo_png, starry | {"weight": 0.5}, size=64, iterations=0)["options"]
    assert set(options) == {
        "content", "styles", *OPTIONS, "protect", "strength_map", "variants",
        "priority", "deadline_s", "callback_url",
    }  # fmt: skip
    assert (options["protect"], options["strength_map"], options["variants"]) == (None, None, [])
    assert options["styles"] == [{"preset": "texture", "weight": 0.5, "scale": 1.0}]
    assert options["style_layers"] == dict.fromkeys(("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), 0.2)
    assert options["content"] == {
        "sha256": hashlib.sha256(photo_png).hexdigest(),
        "width": 451,
        "height": 300,
    }


@pytest.mark.slow
def test_the_second_transfer_with_a_preset_runs_no_style_pass(
    service: RunningService, photo_png: bytes, texture: np.ndarray
) -> None:
    service.put_style("cached", png(texture[:300, :200]))
    first = service.transfer(photo_png, {"preset": "cached"}, size=64, iterations=1)
    second = service.transfer(photo_png, {"preset": "cached"}, size=64, iterations=1)
    mixed = service.transfer(
        photo_png, {"preset": "cached"}, {"image": b64(png(texture[100:400, :222]))}, size=64, iterations=1
    )
    assert [job["style_cache"] for job in (first, second, mixed)] == ["miss", "hit", "partial"]


@pytest.mark.slow
def test_an_image_as_style_and_multipart_give_the_same_as_a_preset_and_json(
    service: RunningService, photo_png: bytes, texture_png: bytes, starry: dict[str, str]
) -> None:
    options = {"size": 64, "iterations": 5}
    by_preset = service.transfer(photo_png, starry, **options)
    by_url = service.transfer(photo_png, {"image": f"data:image/png;base64,{b64(texture_png)}"}, **options)
    request = {"content": "file:photo", "styles": [{"image": "file:art"}]} | options
    parts: Form = {"request": (None, json.dumps(request), "application/json"), "photo": photo_png, "art": texture_png}
    response = requests.post(f"{service.url}/v1/transfers", files=parts, timeout=30)
    assert response.status_code == 202, response.text
    by_form = service.ended(response.json()["id"])
    assert by_preset["result"]["sha256"] == by_url["result"]["sha256"] == by_form["result"]["sha256"]
    assert by_url["style_cache"] == by_form["style_cache"] == "hit"


def test_zero_iterations_give_back_the_content_with_its_losses(
    service: RunningService, photo: np.ndarray, starry: dict[str, str]
) -> None:
    job = service.transfer(png(photo), starry, size=451, iterations=0)
    assert job["result"]["losses"]["content"] == 0
    assert job["result"]["losses"]["style"] > 0
    assert np.array_equal(service.picture(job), photo)


def test_the_size_is_the_long_edge_and_formats_are_what_was_asked(
    service: RunningService, photo: np.ndarray, starry: dict[str, str]
) -> None:
    upright = png(np.ascontiguousarray(photo.transpose(1, 0, 2)))
    for format in ("jpeg", "webp"):
        job = service.transfer(upright, starry, size=100, iterations=0, format=format, quality=50)
        assert (job["result"]["width"], job["result"]["height"]) == (67, 100)
        data = service.get(job["links"]["image"]).content
        assert Image.open(io.BytesIO(data)).format == format.upper()


@pytest.mark.slow
def test_the_style_scale_and_the_mix_change_the_losses(
    service: RunningService, photo_png: bytes, starry: dict[str, str]
) -> None:
    plain, large, mixed, unweighted = (
        service.transfer(photo_png, *styles, size=64, iterations=0)["result"]["losses"]["style"]
        for styles in (
            [starry],
            [starry | {"scale": 3.0}],
            [starry | {"weight": 0.5}, {"image": b64(photo_png), "weight": 0.5}],
            [starry, {"image": b64(photo_png), "weight": 0}],
        )
    )
    assert plain != pytest.approx(large, rel=0.01)
    assert unweighted == plain
    assert mixed < plain  # half of the target is the photo's own Gram


@pytest.mark.parametrize("options", [
    {"optimizer": "adam"}, {"loss_scaling": "gatys"}, {"loss_scaling": "per_element"}, {"init": "random"},
    {"init": "style"}, {"color": "luminance"}, {"color": "match"}, {"tv_weight": 5.0},
    {"content_layers": {"relu2_2": 0.5, "relu3_1": 1.0}, "style_layers": {"relu1_2": 1.0}},
])  # fmt: skip
@pytest.mark.slow
def test_every_option_gives_its_own_picture(
    service: RunningService, photo_png: bytes, starry: dict[str, str], options: dict[str, object]
) -> None:
    common = {"size": 64, "iterations": 8}
    plain = service.transfer(photo_png, starry, **common)
    other = service.transfer(photo_png, starry, **common, **options)
    assert other["status"] == "succeeded", other["error"]
    assert other["result"]["sha256"] != plain["result"]["sha256"]


def test_the_first_image_can_be_given(service: RunningService, photo: np.ndarray, starry: dict[str, str]) -> None:
    first = images.resize_long_edge(photo[:, ::-1], 64)
    job = service.transfer(png(photo), starry, size=64, iterations=0, init=b64(png(first)))
    assert np.array_equal(service.picture(job), first)
    assert job["options"]["init"]["width"] == 64


@pytest.mark.slow
def test_the_seed_decides_the_random_image(service: RunningService, photo_png: bytes, starry: dict[str, str]) -> None:
    one, again, other = (
        service.transfer(photo_png, starry, size=64, iterations=2, init="random", seed=seed)["result"]["sha256"]
        for seed in (1, 1, 2)
    )
    assert one == again != other


def test_prefer_wait_answers_with_the_finished_job(
    service: RunningService, photo_png: bytes, starry: dict[str, str]
) -> None:
    body = {"content": b64(photo_png), "styles": [starry], "size": 64, "iterations": 2}
    response = service.post(body, Prefer="respond-async, Wait=30")
    assert response.status_code == 200
    assert response.headers["Preference-Applied"] == "wait=30"
    assert response.json()["status"] == "succeeded"


@pytest.mark.slow
def test_prefer_wait_that_is_too_short_answers_202(
    service: RunningService, photo_png: bytes, starry: dict[str, str]
) -> None:
    body = {"content": b64(photo_png), "styles": [starry]} | LONG
    response = service.post(body, Prefer="wait=1")
    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "wait=1"
    requests.delete(service.url + response.headers["Location"], timeout=30)


def test_a_job_deleted_while_its_post_waits_is_still_told(
    service: RunningService, photo_png: bytes, starry: dict[str, str]
) -> None:
    def newest() -> set[str]:
        return {job["id"] for job in service.get("/v1/transfers?limit=1").json()["items"]}

    body = {"content": b64(photo_png), "styles": [starry]} | LONG
    before = {job["id"] for job in service.get("/v1/transfers").json()["items"]}
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        post = pool.submit(service.post, body, Prefer="wait=30")
        eventually(lambda: newest() - before, 30, "no job")
        (id,) = newest()
        requests.delete(f"{service.url}/v1/transfers/{id}", timeout=30)
        answer = post.result()
    assert answer.status_code == 202
    assert answer.json()["id"] == id


@pytest.mark.slow
def test_requests_that_wait_leave_threads_for_the_others(
    service: RunningService, photo_png: bytes, starry: dict[str, str]
) -> None:
    """24 requests wait on the one web process with 16 threads; 8 get places, the rest are answered at once."""
    body = {"content": b64(photo_png), "styles": [starry]} | LONG
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        posts = [pool.submit(service.post, body, Prefer="wait=60") for _ in range(24)]
        within(lambda: sum(post.done() for post in posts) == 16, 50, "nobody or everybody waits")
        assert service.get("/livez").status_code == 200
        waiting = [post for post in posts if not post.done()]
        service.cancel_all()
    assert len(waiting) == 8
    for post in posts:
        requests.delete(service.url + post.result().headers["Location"], timeout=30)
        assert ("Preference-Applied" in post.result().headers) == (post in waiting)


@pytest.mark.slow
def test_who_hangs_up_waits_no_longer(
    service: RunningService, photo: np.ndarray, photo_png: bytes, starry: dict[str, str]
) -> None:
    """For a transfer, a score, or a file that a worker makes first: each request ends, and is logged then."""

    def are_logged() -> bool:
        lines = [line for line in service.log.read_text().splitlines() if '"duration_ms"' in line]
        return all(any(id in line for line in lines) for id in asked)

    def jobs() -> int:
        ((count,),) = service.execute("SELECT count(*) FROM jobs")
        return int(count)

    service.put_style("unpacked", png(photo[:100, :100]))
    body = {"content": b64(photo_png), "styles": [starry]}
    asked = {
        "gone-from-transfer": ("POST", "/v1/transfers", body | LONG),
        "gone-from-score": ("POST", "/v1/scores", body | {"image": b64(photo_png), "size": 64}),
        "gone-from-pack": ("GET", "/v1/styles/unpacked/pack", None),
    }
    with service.halted("service worker"):
        before = jobs()
        with ExitStack() as clients:
            for id, (method, path, sent) in asked.items():
                client = clients.enter_context(closing(http.client.HTTPConnection("127.0.0.1", service.port, 60)))
                headers = {"X-Request-ID": id, "Prefer": "wait=60", "Content-Type": "application/json"}
                client.request(method, path, json.dumps(sent) if sent else None, headers)
            eventually(lambda: jobs() == before + len(asked), 30, "not submitted")
            assert not are_logged()
        eventually(are_logged, 30, "they wait still")
        service.cancel_all()


@pytest.mark.slow
def test_a_running_job_is_canceled_and_has_no_picture(
    service: RunningService, photo_png: bytes, starry: dict[str, str]
) -> None:
    id = service.post({"content": b64(photo_png), "styles": [starry]} | LONG).json()["id"]
    eventually(lambda: service.job(id)["progress"]["iteration"] > 0, 60, "no progress")
    running = service.job(id)
    assert running["status"] == "running"
    assert 0 < running["progress"]["fraction"] < 1
    assert running["progress"]["losses"]["total"] > 0
    early = service.get(f"/v1/transfers/{id}/image")
    assert early.status_code == 409
    assert early.headers["Content-Type"] == "application/problem+json"
    for _ in range(2):
        assert service.cancel(id).status_code == 202
    assert service.ended(id, 20)["status"] == "canceled"
    assert service.cancel(id).status_code == 202
    assert service.job(id)["status"] == "canceled"


def test_a_waiting_job_is_canceled_at_once(service: RunningService, photo_png: bytes, starry: dict[str, str]) -> None:
    body = {"content": b64(photo_png), "styles": [starry]} | LONG
    running, waiting = (service.post(body).json()["id"] for _ in range(2))
    eventually(lambda: service.job(running)["status"] == "running", 60, "not running")
    answer = service.cancel(waiting).json()
    assert answer["status"] == "canceled"
    requests.delete(f"{service.url}/v1/transfers/{running}", timeout=30)


@pytest.mark.slow
def test_a_deleted_job_stops_and_leaves_no_files(
    service: RunningService, photo_png: bytes, starry: dict[str, str]
) -> None:
    id = service.post({"content": b64(photo_png), "styles": [starry]} | LONG).json()["id"]
    eventually(lambda: service.job(id)["progress"]["iteration"] > 0, 60, "no progress")
    assert list((service.data / "blobs" / "jobs" / id).iterdir())
    assert requests.delete(f"{service.url}/v1/transfers/{id}", timeout=30).status_code == 204
    assert service.get(f"/v1/transfers/{id}").status_code == 404
    next_job = service.transfer(photo_png, starry, size=64, iterations=0)  # the worker is free again
    assert next_job["status"] == "succeeded"
    assert not (service.data / "blobs" / "jobs" / id).exists()


@pytest.mark.slow
def test_a_preset_deleted_while_its_job_waits_does_no_harm(
    service: RunningService, photo_png: bytes, texture: np.ndarray
) -> None:
    service.put_style("doomed", png(texture[:256, :256]))
    style = {"preset": "doomed"}
    first = service.post({"content": b64(photo_png), "styles": [style]} | LONG).json()["id"]
    waiting = service.post({"content": b64(photo_png), "styles": [style | {"scale": 0.9}], "size": 64}).json()["id"]
    assert requests.delete(f"{service.url}/v1/styles/doomed", timeout=30).status_code == 204
    requests.delete(f"{service.url}/v1/transfers/{first}", timeout=30)
    assert service.ended(waiting)["status"] == "succeeded"


@pytest.mark.slow
def test_lists_are_newest_first_by_status_and_in_pages(
    service: RunningService, photo_png: bytes, starry: dict[str, str]
) -> None:
    made = [service.transfer(photo_png, starry, size=32, iterations=0)["id"] for _ in range(3)]
    listed: list[str] = []
    cursor: str | None = ""
    while cursor is not None and len(listed) < 3:
        page = service.get(f"/v1/transfers?status=succeeded&limit=2{cursor and '&cursor=' + cursor}").json()
        listed += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if len(listed) == 2:
            place = json.loads(base64.urlsafe_b64decode(f"{cursor}=="))
            shown = datetime.fromisoformat(page["items"][-1]["created_at"]).timestamp()
            assert place == [pytest.approx(shown, abs=0.001), made[1]]  # nothing that counts the jobs of others
    assert listed[:3] == made[::-1]
    assert all(job["status"] == "canceled" for job in service.get("/v1/transfers?status=canceled").json()["items"])
