"""Packs that carry a preset from one service to another, some with its painter."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import numpy as np
import pytest
import requests
from api.controls import NEGATIVE, PHOTO, STYLE, TISSUE, assert_refused, painted
from api.test_packs_api import put_pack
from api.test_painters import QUICK, learned, painter, put_painter
from front_door import RunningService, b64, eventually, png
from safetensors.numpy import load, save

from service.network.safetensors_header import metadata_of
from service.painters.graph import onnx_file
from service.painters.packed import joined
from service.painters.shape import parameter_shapes
from service.painters.weights import PainterWeights
from service.storage.records import PresetPainter
from service.styles.packs import Pack, UnusablePack

BIAS = "painter/head.bias"
Facts = dict[str, Any]
Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def plain(service: RunningService) -> requests.Response:
    """The pack of a preset that has learned nothing."""
    service.put_style("untaught", png(NEGATIVE))
    return service.get("/v1/styles/untaught/pack")


@pytest.fixture(scope="module")
def weights(plain: requests.Response) -> PainterWeights:
    """Random weights, which nobody had to learn."""
    random = np.random.default_rng(4)
    arrays = {name: random.normal(0, 0.1, shape).astype(np.float32) for name, shape in parameter_shapes().items()}
    return PainterWeights.of(arrays, 64, facts_of(plain.content)["model"])


@pytest.fixture(scope="module")
def carrying(plain: requests.Response, weights: PainterWeights) -> bytes:
    """That pack with a painter of these weights."""
    losses = {"total": 0.5, "content": 1.0, "style": 0.2}
    judged = {"painter": losses, "optimizer": losses}
    return joined(plain.content, weights.to_bytes(), PresetPainter(steps=7, seconds=1.5, photos=2, judged=judged))


def painting(service: RunningService, preset: str) -> dict[str, Any]:
    """The result of a transfer by the preset's painter, with its losses."""
    job = service.transfer(png(PHOTO), {"preset": preset}, size=64, method="painter")
    assert job["status"] == "succeeded", job["error"]
    eventually(lambda: service.job(job["id"])["result"]["losses"], 60, "no losses")
    result: dict[str, Any] = service.job(job["id"])["result"]
    return result


def facts_of(pack: bytes) -> Facts:
    facts: Facts = json.loads(metadata_of(pack)["preset"])
    return facts


@pytest.mark.slow
def test_a_pack_paints_the_same_on_another_service(service: RunningService, second_service: RunningService) -> None:
    service.put_style("two", png(TISSUE), png(NEGATIVE), description="day and night")
    packed = service.get("/v1/styles/two/pack").content
    assert put_pack(second_service, "brought", packed).status_code == 201
    for size in (64, 128):
        own = painted(service, {"preset": "two"}, size=size)
        theirs = painted(second_service, {"preset": "brought"}, size=size)
        assert theirs["result"] == own["result"]
        own = painted(service, {"preset": "two", "weight": 2.0}, STYLE, size=size)
        theirs = painted(second_service, {"preset": "brought", "weight": 2.0}, STYLE, size=size)
        assert theirs["result"] == own["result"]
    assert second_service.get("/v1/styles/brought/pack").content == packed


@pytest.mark.slow
def test_a_painter_learned_on_one_service_paints_the_same_bytes_on_another(
    service: RunningService, second_service: RunningService
) -> None:
    service.put_style("origin", png(NEGATIVE))
    before = service.get("/v1/styles/origin/pack")
    assert put_painter(service, "origin", **QUICK).status_code == 202
    own = learned(service, "origin")
    pack = service.get("/v1/styles/origin/pack", headers={"If-None-Match": before.headers["ETag"]})
    assert pack.status_code == 200
    assert put_pack(second_service, "travelled", pack.content).status_code == 201
    theirs = painter(second_service, "travelled")
    assert theirs["status"] == own["status"] == "ready"
    for same in ("size", "steps", "seconds", "photos", "judged"):
        assert theirs[same] == own[same]
    assert painting(second_service, "travelled") == painting(service, "origin")
    assert second_service.get("/v1/styles/travelled/pack").content == pack.content


@pytest.mark.slow
def test_a_painter_is_ready_at_once_and_paints(service: RunningService, carrying: bytes) -> None:
    assert put_pack(service, "arrived", carrying).status_code == 201
    shown = painter(service, "arrived")
    assert (shown["status"], shown["size"], shown["steps"], shown["seconds"], shown["photos"]) == (
        "ready", 64, 7, 1.5, 2,
    )  # fmt: skip
    assert shown["judged"] == facts_of(carrying)["painter"]["judged"]
    assert painting(service, "arrived")["losses"]["total"] > 0


def test_its_onnx_file_is_made_here_when_it_is_asked_for(
    service: RunningService, carrying: bytes, weights: PainterWeights
) -> None:
    put_pack(service, "exported", carrying)
    shown = painter(service, "exported")
    assert (shown["bytes"], shown["sha256"]) == (None, None)
    with ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(lambda _: service.get(shown["links"]["model"]), range(4)))
    facts = {"nst.preset": "exported", "nst.licence": "as the style's pictures"}
    assert {answer.content for answer in answers} == {onnx_file(weights, facts)}
    shown = painter(service, "exported")
    assert shown["bytes"] == len(answers[0].content)
    assert {answer.headers["ETag"] for answer in answers} == {f'"{shown["sha256"]}"'}
    again = {"If-None-Match": f'"{shown["sha256"]}"'}
    assert service.get(shown["links"]["model"], headers=again).status_code == 304


def test_its_pack_is_the_one_that_it_came_as(
    service: RunningService, plain: requests.Response, carrying: bytes
) -> None:
    put_pack(service, "sent-on", carrying)
    response = service.get("/v1/styles/sent-on/pack")
    assert response.content == carrying
    assert requests.delete(f"{service.url}/v1/styles/sent-on/painter", timeout=30).status_code == 204
    assert painter(service, "sent-on")["status"] == "none"
    body = {"content": b64(png(PHOTO)), "styles": [{"preset": "sent-on"}], "method": "painter"}
    assert_refused(service.post(body), "styles.0.preset")
    without = service.get("/v1/styles/sent-on/pack", headers={"If-None-Match": response.headers["ETag"]})
    assert without.content == plain.content


def test_a_pack_without_a_painter_takes_the_painter_away(
    service: RunningService, plain: requests.Response, carrying: bytes
) -> None:
    put_pack(service, "replaced", carrying)
    assert put_pack(service, "replaced", plain.content).status_code == 200
    assert painter(service, "replaced")["status"] == "none"


def test_a_preset_that_learns_anew_in_vain_keeps_its_painter_and_says_why(
    service: RunningService, carrying: bytes
) -> None:
    put_pack(service, "in-vain", changed(carrying, lambda _, facts: facts.update(description="another")))
    with closing(sqlite3.connect(service.data / "service.db", timeout=30)) as database:
        (pack,) = database.execute("select pack from presets where name = 'in-vain'").fetchone()
    (service.data / "blobs" / json.loads(pack)["blob"]).unlink()
    assert put_painter(service, "in-vain", **QUICK).status_code == 202
    shown = learned(service, "in-vain")
    assert (shown["status"], shown["size"]) == ("ready", 64)
    assert "missing" in shown["error"]["detail"]
    events = service.get(shown["links"]["events"]).text.strip().split("\n\n")
    assert json.loads(events[-1].rpartition("data: ")[2]) == shown


def test_a_pack_without_some_layers_teaches_no_painter(service: RunningService, plain: requests.Response) -> None:
    def lack(arrays: Arrays, facts: Facts) -> None:
        for name in [name for name in arrays if name.endswith("/relu3_1")]:
            del arrays[name]

    assert put_pack(service, "thin", changed(plain.content, lack)).status_code == 201
    refused = put_painter(service, "thin", **QUICK)
    assert_refused(refused, "name")
    assert refused.json()["errors"][0]["msg"] == "its pack has no Gram matrices of relu3_1"
    assert painter(service, "thin")["status"] == "none"


def test_a_reader_that_knows_no_painters_says_what_it_can_t_read(carrying: bytes) -> None:
    """Services of earlier versions read packs so."""
    with pytest.raises(UnusablePack, match=r"it holds 'painter/.*', which is no <size>/<layer>"):
        Pack.from_bytes(carrying)


def _without(arrays: Arrays, facts: Facts) -> None:
    del arrays[BIAS]


def _of_another_shape(arrays: Arrays, facts: Facts) -> None:
    arrays[BIAS] = np.zeros(13, np.float16)


def _of_another_type(arrays: Arrays, facts: Facts) -> None:
    arrays[BIAS] = arrays[BIAS].astype(np.float32)


def _with_no_number(arrays: Arrays, facts: Facts) -> None:
    arrays[BIAS] = np.full(12, np.nan, np.float16)


def _with_more(arrays: Arrays, facts: Facts) -> None:
    arrays["painter/more"] = np.zeros(1, np.float16)


def _without_weights(arrays: Arrays, facts: Facts) -> None:
    for name in [name for name in arrays if name.startswith("painter/")]:
        del arrays[name]


def _without_facts(arrays: Arrays, facts: Facts) -> None:
    del facts["painter"]


def _said(**changes: Any) -> Callable[[Arrays, Facts], None]:
    return lambda arrays, facts: facts["painter"].update(changes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_without, "other weights"),
        (_of_another_shape, "head.bias is not float16 of"),
        (_of_another_type, "head.bias is not float16 of"),
        (_with_no_number, "isn't finite"),
        (_with_more, "other weights"),
        (_without_weights, "other weights"),
        (_without_facts, "which version of a painter it is"),
        (_said(version=2), "a painter of version 2, where this service reads version 1"),
        (_said(size=10**6), "its size"),
        (_said(model=3), "its model"),
        (_said(steps=-1), "its steps"),
        (_said(steps=0.5), "its steps"),
        (_said(seconds=float("nan")), "its seconds"),
        (_said(photos=True), "its photos"),
        (_said(judged=None), "its judged"),
        (_said(judged={"painter": {}, "optimizer": {}}), "other losses"),
        (_said(judged={part: {"total": float("inf"), "content": 0, "style": 0} for part in ("painter", "optimizer")}),
         "its total"),
    ],
)  # fmt: skip
def test_a_pack_with_a_wrong_painter_is_refused(
    service: RunningService, carrying: bytes, change: Callable[[Arrays, Facts], None], words: str
) -> None:
    response = put_pack(service, "wrong", changed(carrying, change))
    assert_refused(response, "pack")
    assert words in response.json()["errors"][0]["msg"]
    assert service.get("/v1/styles/wrong").status_code == 404


def test_a_painter_of_another_model_is_a_conflict(service: RunningService, carrying: bytes) -> None:
    response = put_pack(service, "wrong", changed(carrying, _said(model="0" * 64)))
    assert response.status_code == 409
    assert "its painter learned from the model 000" in response.json()["detail"]
    assert service.get("/v1/styles/wrong").status_code == 404


def test_whole_floats_are_integers(service: RunningService, carrying: bytes) -> None:
    said = facts_of(carrying)["painter"]
    floats = {name: float(said[name]) for name in ("size", "steps", "photos")}
    assert put_pack(service, "floats", changed(carrying, _said(**floats))).status_code == 201
    shown = service.get("/v1/styles/floats/painter").json()
    assert [type(shown[name]) for name in floats] == [int] * len(floats)
    assert {name: shown[name] for name in floats} == floats


def changed(pack: bytes, change: Callable[[Arrays, Facts], None]) -> bytes:
    """The pack with other arrays or facts."""
    arrays, facts = load(pack), facts_of(pack)
    change(arrays, facts)
    return save(arrays, {"preset": json.dumps(facts)})
