"""Options that a preset carries: what transfers begin with, and where they are shown and refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import requests
from front_door import RunningService, b64, png

from service.styles.packs import with_facts

QUICK = {"size": 48, "iterations": 2}
OPTIONS = {"size": 40, "iterations": 3, "strength": 0.8, "color": "luminance", "seed": 7}


@pytest.fixture(scope="module")
def picture(texture: np.ndarray) -> bytes:
    return png(texture[:96, :96])


@pytest.fixture(scope="module")
def content(photo: np.ndarray) -> str:
    return b64(png(photo[:90, :120]))


@pytest.fixture(scope="module")
def carrying(service: RunningService, picture: bytes) -> str:
    saved = service.put_style("carrying", picture, options=OPTIONS)
    assert saved.status_code in (200, 201), saved.text
    assert saved.json()["options"] == OPTIONS
    service.put_style("plain", picture).raise_for_status()
    return "carrying"


def used(service: RunningService, body: dict[str, Any]) -> dict[str, Any]:
    """Submit a transfer and cancel it; return its options."""
    response = service.post(body)
    assert response.status_code == 202, response.text
    service.cancel(response.json()["id"])
    options: dict[str, Any] = response.json()["options"]
    return options


def errors(response: requests.Response) -> list[str]:
    assert response.status_code == 422, response.text
    return [error["loc"] for error in response.json()["errors"]]


def change(service: RunningService, preset: str, **changes: Any) -> requests.Response:
    return requests.patch(f"{service.url}/v1/styles/{preset}", json=changes, timeout=60)


def test_a_transfer_with_the_preset_alone_begins_with_its_options(
    service: RunningService, carrying: str, content: str
) -> None:
    listed = {item["name"]: item["options"] for item in service.get("/v1/styles?limit=200").json()["items"]}
    assert (listed[carrying], listed["plain"]) == (OPTIONS, {})
    alone = {"content": content, "styles": [{"preset": carrying}]}
    options = used(service, alone)
    assert {name: options[name] for name in OPTIONS} == OPTIONS
    assert options["content_weight"] == pytest.approx(0.15 * 0.4)
    named = used(service, alone | {"size": 64, "color": "style", "strength": 0.2})
    assert (named["size"], named["color"], named["strength"], named["iterations"]) == (64, "style", 0.2, 3)


def test_a_weight_that_the_transfer_names_goes_before_the_presets_strength(
    service: RunningService, carrying: str, content: str
) -> None:
    options = used(service, {"content": content, "styles": [{"preset": carrying}], "content_weight": 0.3})
    assert (options["strength"], options["content_weight"], options["style_weight"]) == (None, 0.3, 1.0)


def test_mixes_own_pictures_and_blends_begin_with_the_defaults(
    service: RunningService, carrying: str, content: str, picture: bytes
) -> None:
    for styles in (
        {"styles": [{"preset": carrying}, {"preset": "plain"}]},
        {"styles": [{"preset": carrying}, {"image": b64(picture)}]},
        {"blend": {"from": carrying, "to": "plain", "steps": 1}},
    ):
        options = used(service, {"content": content, "size": 48} | styles)
        assert (options["strength"], options["color"], options["iterations"]) == (None, "style", 90)


def test_a_key_is_of_what_the_caller_named_not_of_what_the_preset_fills_in(
    service: RunningService, content: str, picture: bytes
) -> None:
    """A named default goes before a preset's option, so it makes another request."""
    service.put_style("keyed", picture, options=OPTIONS).raise_for_status()
    body, key = {"content": content, "styles": [{"preset": "keyed"}]}, {"Idempotency-Key": "of-what-was-named"}
    first = service.post(body, **key).json()
    for named in ({"color": "style"}, {"seed": 0}, {"size": 512}):
        assert errors(service.post(body | named, **key)) == ["Idempotency-Key"], named
    change(service, "keyed", options={"strength": 0.1}).raise_for_status()
    assert service.post(body, **key).json()["id"] == first["id"]
    service.cancel(first["id"])


def test_variants_begin_with_the_options_that_the_transfers_own_preset_has(
    service: RunningService, carrying: str, content: str
) -> None:
    variants = [{"styles": [{"preset": "plain"}]}, {"seed": 1}, {"content_weight": 0.3}]
    options = used(service, {"content": content, "styles": [{"preset": carrying}], "variants": variants})
    assert (options["size"], options["strength"]) == (40, 0.8)
    own = [options | variant for variant in options["variants"]]
    assert [(one["strength"], one["color"], one["seed"]) for one in own] == [
        (0.8, "luminance", 7), (0.8, "luminance", 1), (None, "luminance", 7),
    ]  # fmt: skip
    alone = [{"styles": [{"preset": carrying}]}, {"styles": [{"preset": "plain"}]}]
    options = used(service, {"content": content, "size": 48, "variants": alone})
    assert [(options | variant)["strength"] for variant in options["variants"]] == [None, None]


def test_a_painter_takes_those_of_the_options_that_it_uses(
    service: RunningService, carrying: str, content: str
) -> None:
    response = service.post({"content": content, "styles": [{"preset": carrying}], "method": "painter"})
    assert errors(response) == ["styles.0.preset"]  # which has no painter; no option is refused


def test_a_score_judges_as_a_transfer_with_the_preset_would_paint(
    service: RunningService, carrying: str, content: str
) -> None:
    body = {"content": content, "image": content, "styles": [{"preset": carrying}]}
    begun = service.post_to("/v1/scores", body).json()["losses"]
    named = service.post_to("/v1/scores", body | OPTIONS).json()["losses"]
    defaults = service.post_to("/v1/scores", body | {"strength": None, "size": 40}).json()["losses"]
    assert begun == named != defaults


@pytest.mark.parametrize(
    ("options", "loc"),
    [
        ({"strength": 1.5}, "options.strength"),
        ({"strength": 0.5, "content_weight": 1.0}, "options.strength"),
        ({"colour": "match"}, "options.colour"),
        ({"method": "painter"}, "options.method"),
        ({"format": "webp"}, "options.format"),
        ({"size": 31}, "options.size"),
        ({"size": 40.5}, "options.size"),
        ({"init": "image"}, "options.init"),
        ({"style_layers": {"relu9_9": 1.0}}, "options.style_layers.relu9_9"),
        ({"strength": None}, "options.strength"),
        ([], "options"),
    ],
)
def test_options_that_no_transfer_takes_are_refused_by_name(
    service: RunningService, carrying: str, picture: bytes, options: Any, loc: str
) -> None:
    assert errors(service.put_style("refused", picture, options=options)) == [loc]
    assert service.get("/v1/styles/refused").status_code == 404
    assert errors(change(service, carrying, options=options)) == [loc]
    assert service.get(f"/v1/styles/{carrying}").json()["options"] == OPTIONS


def test_a_size_that_its_pictures_are_too_narrow_for_is_refused(service: RunningService, texture: np.ndarray) -> None:
    narrow = png(np.ascontiguousarray(texture[:32, :320]))
    assert errors(service.put_style("refused", narrow, options={"size": 64})) == ["options.size"]


def test_a_change_leaves_what_it_does_not_name(service: RunningService, picture: bytes) -> None:
    before = service.put_style("changing", picture, description="first", options={"strength": 0.3}).json()
    tag = service.get("/v1/styles/changing/image").headers["ETag"]
    described = change(service, "changing", description="second")
    assert described.status_code == 200
    assert described.json() == before | {"description": "second"}
    assert change(service, "changing", options={"color": "match"}).json()["options"] == {"color": "match"}
    assert change(service, "changing", options={}).json()["options"] == {}
    after = service.get("/v1/styles/changing").json()
    assert after == before | {"description": "second", "options": {}}
    assert service.get("/v1/styles/changing/image", headers={"If-None-Match": tag}).status_code == 304
    assert errors(change(service, "changing", description="x" * 2001)) == ["description"]
    assert errors(change(service, "changing", images=[])) == ["images"]


def test_a_preset_replaced_without_options_has_none(service: RunningService, picture: bytes) -> None:
    service.put_style("again", picture, options={"strength": 0.3}).raise_for_status()
    assert service.put_style("again", picture).json()["options"] == {}


def test_a_new_name_keeps_the_rest_and_a_taken_one_is_409(
    service: RunningService, picture: bytes, content: str
) -> None:
    service.put_style("other", picture, options={"strength": 0.1}).raise_for_status()
    before = service.put_style("old-name", picture, description="kept", options={"strength": 0.9}).json()
    taken = change(service, "old-name", name="other", description="lost")
    assert (taken.status_code, taken.json()["type"]) == (409, "urn:nst:problem:name-taken")
    assert service.get("/v1/styles/old-name").json() == before
    assert errors(change(service, "old-name", name="Not A Name")) == ["name"]
    moved = change(service, "old-name", name="new-name", options={"strength": 0.8})
    assert (moved.status_code, moved.headers["Location"]) == (200, "/v1/styles/new-name")
    here = {part: link.replace("old-name", "new-name") for part, link in before["links"].items()}
    assert moved.json() == before | {"name": "new-name", "options": {"strength": 0.8}, "links": here}
    assert service.get("/v1/styles/old-name").status_code == 404
    assert change(service, "old-name", description="nobody").status_code == 404
    assert used(service, {"content": content, "styles": [{"preset": "new-name"}], "size": 48})["strength"] == 0.8
    assert service.get("/v1/styles/new-name/images/0").content == picture


@pytest.mark.slow
def test_a_pack_carries_description_and_options_as_they_are_now(
    service: RunningService, picture: bytes, content: str
) -> None:
    service.put_style("packing", picture, description="then", options={"strength": 0.4}).raise_for_status()
    first = service.get("/v1/styles/packing/pack")
    change(service, "packing", description="now", options={"strength": 0.6, "color": "match", "size": 256})
    second = service.get("/v1/styles/packing/pack")
    assert first.headers["ETag"] != second.headers["ETag"]
    shown = imported(service, "unpacked-first", first.content)
    assert (shown["description"], shown["options"]) == ("then", {"strength": 0.4})
    shown = imported(service, "unpacked-second", second.content)
    # a pack has no picture to match the colours of
    assert (shown["description"], shown["options"]) == ("now", {"strength": 0.6, "size": 256})
    assert errors(change(service, "unpacked-second", options={"color": "match"})) == ["options.color"]
    written = with_facts(second.content, "now", {"size": 64.0, "iterations": 2e1, "strength": 1})  # 64.0 is whole
    assert imported(service, "unpacked-third", written)["options"] == {"size": 64, "iterations": 20, "strength": 1}
    broken: list[dict[str, Any]] = [
        {"strength": 7},
        {"glitter": 1},
        {"style_layers": {"x" * 9999: 1}},
        {"seed": []},
        {"size": 64.5},
        {"init": "image"},
    ]
    for wrong in broken:
        refused = put_pack(service, "refused", with_facts(second.content, "now", wrong))
        assert errors(refused) == ["pack"]
        assert len(refused.json()["detail"]) < 400
    body = {
        "content": content,
        "styles": [{"preset": "packing"}],
        "variants": [{"styles": [{"preset": "unpacked-first"}]}],
    }
    options = used(service, body)
    assert (options["color"], options["variants"][0]["color"]) == ("match", "style")  # which alone a pack can do
    change(service, "unpacked-second", description="later")
    again = service.get("/v1/styles/unpacked-second/pack").content
    assert imported(service, "unpacked-again", again)["description"] == "later"
    assert len(again) == pytest.approx(len(second.content), abs=200)


def put_pack(service: RunningService, name: str, pack: bytes) -> requests.Response:
    headers = {"Content-Type": "application/octet-stream"}
    return requests.put(f"{service.url}/v1/styles/{name}/pack", data=pack, headers=headers, timeout=60)


def imported(service: RunningService, name: str, pack: bytes) -> dict[str, Any]:
    response = put_pack(service, name, pack)
    assert response.status_code in (200, 201), response.text
    shown: dict[str, Any] = response.json()
    return shown
