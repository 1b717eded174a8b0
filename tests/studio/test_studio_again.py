"""The button Use these settings: what a transfer had comes back whole, and what can't is named."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import requests
from front_door import RunningService, b64, png
from picture_files import encoded
from playwright.sync_api import expect
from studio.test_studio_access import check
from studio.visiting import Visit

pytestmark = pytest.mark.slow

SMALL = {"size": 64, "iterations": 2}
ANYTHING = re.compile("")
NOTE_SAID = """addEventListener("DOMContentLoaded", () => {
    globalThis.heard = [];
    const wordsOf = ({ addedNodes }) => [...addedNodes].map((node) => node.data);
    const note = (changes) => heard.push(...changes.flatMap(wordsOf));
    const said = document.getElementById("said");  // not on the empty page before
    if (said) new MutationObserver(note).observe(said, { childList: true });
});"""


@pytest.fixture
def visit(coming: Visit) -> Visit:
    return coming


@pytest.fixture
def presets(service: RunningService, texture: np.ndarray) -> tuple[str, str]:
    """Two presets, the first of two pictures; new for each test, as tests replace them."""
    two: list[dict[str, Any]] = [
        {"image": b64(png(texture[:64, :96])), "weight": 3.0, "scale": 0.5},
        {"image": b64(png(texture[64:128, :96]))},
    ]
    put(service, "again-pair", two)
    put(service, "again-one", [{"image": b64(png(texture[128:192, :96]))}])
    return "again-pair", "again-one"


def put(service: RunningService, name: str, images: list[dict[str, Any]]) -> None:
    requests.put(f"{service.url}/v1/styles/{name}", json={"images": images}, timeout=60).raise_for_status()


@pytest.fixture(scope="module")
def mask(photo: np.ndarray) -> str:
    """In the photograph's shape, white on the left."""
    height, width = photo.shape[:2]
    grey = np.zeros((height, width), np.uint8)
    grey[:, : width // 2] = 255
    return b64(png(grey))


def again(visit: Visit, job: dict[str, Any]) -> None:
    """Open a transfer and press "Use these settings"."""
    visit.arrive(f"/#/{job['id']}")
    visit.at("#again").click()
    visit.at("#draft-caption").wait_for()


def edit_pictures(visit: Visit, preset: str) -> None:
    """Put a preset's pictures into the mix, to be changed; a style that is there makes room."""
    visit.open()
    visit.at(f'[data-preset="{preset}"]').click()
    visit.at("#manage-presets").click()
    visit.at(f'[data-manage="{preset}"]').get_by_text("Edit").click()
    visit.at("#edit-pictures").click()
    expect(visit.at("#mix-back")).to_be_visible()
    visit.at("html[data-draft=saved]").wait_for()


def take_settings(visit: Visit, preset: str) -> None:
    """Give a preset settings of its own, and choose it: they come onto the dials."""
    url = f"{visit.service.url}/v1/styles/{preset}"
    requests.patch(url, json={"options": {"strength": 0.9}}, timeout=60).raise_for_status()
    visit.open()
    visit.at(f'[data-preset="{preset}"]').click()
    expect(visit.at("#strength-shown")).to_have_text("90 %")
    visit.at("html[data-draft=saved]").wait_for()


def painted(visit: Visit) -> dict[str, Any]:
    id = visit.paint()
    visit.done()
    return visit.service.job(id)


def blended(visit: Visit, content: bytes, **blend: Any) -> dict[str, Any]:
    response = visit.service.post({"content": b64(content), "blend": blend} | SMALL)
    assert response.status_code == 202, response.text
    return visit.service.ended(response.json()["id"])


def comparable(options: dict[str, Any], *but: str) -> Any:
    return nameless({name: value for name, value in options.items() if name not in but})


def nameless(value: Any) -> Any:
    """Options without the names of pictures: one that came without has one when the studio sends it again."""
    if isinstance(value, list):
        return [nameless(one) for one in value]
    if isinstance(value, dict):
        return {key: nameless(one) for key, one in value.items() if key != "name"}
    return value


def test_masks_layers_and_first_images_come_back(
    visit: Visit, presets: tuple[str, str], photo_png: bytes, texture: np.ndarray, mask: str
) -> None:
    own = b64(png(texture[192:256, :96]))
    job = visit.service.transfer(
        photo_png,
        {"preset": presets[0], "mask": mask},
        {"image": own, "weight": 0.5, "style_mask": b64(png(np.full((64, 96), 255, np.uint8)))},
        **SMALL,
        protect=mask,
        strength_map=b64(photo_png),
        init=b64(photo_png),
        content_layers={"relu3_2": 1.0},
        tv_weight=0.25,
        alpha="keep",
        seed=7,
        optimizer="adam",
        priority=4,
    )
    again(visit, job)
    expect(visit.at("#where .painted")).to_have_text(["What stays as it isChange", "Where it is strongChange"])
    said = " ".join(visit.at("#extras li").all_text_contents())
    for words in (
        "First image",
        "relu3_2 1",
        "tv weight: 0.25",
        "alpha: keep",
    ):
        assert words in said
    expect(visit.at("#extras .lost-extra")).to_contain_text("Not carried over: priority: 4.")
    expect(visit.at("#mix .mask")).to_have_count(2)
    check(visit)
    visit.at("html[data-draft=saved]").wait_for()
    visit.reload()
    assert comparable(painted(visit)["options"], "priority") == comparable(job["options"], "priority")


def test_what_was_carried_over_can_be_taken_out(
    visit: Visit, presets: tuple[str, str], photo: np.ndarray, photo_png: bytes, mask: str
) -> None:
    """Also where the browser can't show the photograph."""
    style = {"preset": presets[1], "mask": mask}
    content = encoded(photo, "TIFF")
    job = visit.service.transfer(content, style, **SMALL, protect=mask, init=b64(photo_png), tolerance=0.5)
    again(visit, job)
    height, width = photo.shape[:2]
    expect(visit.at("#content-facts")).to_contain_text(f"{width} \u00d7 {height}")
    expect(visit.at("#after")).not_to_have_attribute("src", ANYTHING)
    visit.at("#where [data-loc=strength_map] button").first.click()
    expect(visit.at("#paper-mask")).to_have_attribute("width", str(width))
    visit.at("#brush-cancel").click()
    for taken_out in (visit.at("#mix .mask"), visit.at("#where [data-loc=protect] button").last):
        taken_out.click()
        expect(taken_out).to_be_hidden()
        visit.at("#undo").get_by_text("Undo").click()
        taken_out.click()
    visit.at("#fine").evaluate("details => details.open = true")
    visit.at("#init").select_option("random")
    expect(visit.at("#extras li")).to_have_text(["tolerance: 0.5"])
    id = visit.paint()
    visit.until("Done")
    options = visit.service.job(id)["options"]
    assert (options["protect"], options["init"], options["tolerance"]) == (None, "random", 0.5)
    assert "mask" not in options["styles"][0]


def test_a_default_comes_back_where_the_preset_has_another_value(
    visit: Visit, presets: tuple[str, str], photo_png: bytes
) -> None:
    dials: tuple[dict[str, float], ...] = ({"strength": 0.3}, {"style_weight": 2.0})
    jobs = [visit.service.transfer(photo_png, {"preset": presets[1]}, **SMALL, **dial) for dial in dials]
    own = {"tv_weight": 0.2, "levels": 1, "iterations": 4, "optimizer": "adam", "init": "random"}
    url = f"{visit.service.url}/v1/styles/{presets[1]}"
    requests.patch(url, json={"options": own}, timeout=60).raise_for_status()
    for job in jobs:
        again(visit, job)
        expect(visit.at("#mix strong")).to_have_text([presets[1]])
        assert nameless(painted(visit)["options"]) == nameless(job["options"])


@pytest.mark.parametrize("gone", [True, False])
def test_a_preset_that_is_another_one_now_gives_way_to_the_pictures_that_were_used(
    visit: Visit, presets: tuple[str, str], photo_png: bytes, texture: np.ndarray, *, gone: bool
) -> None:
    job = visit.service.transfer(
        photo_png, {"preset": presets[0], "weight": 2.0, "scale": 0.8}, {"preset": presets[1]}, **SMALL
    )
    then = [image["sha256"] for image in visit.service.get(f"/v1/styles/{presets[0]}").json()["images"]]
    if gone:
        requests.delete(f"{visit.service.url}/v1/styles/{presets[0]}", timeout=60).raise_for_status()
    else:
        put(visit.service, presets[0], [{"image": b64(png(texture[300:364, :96]))}])
    again(visit, job)
    expect(visit.at("#mix strong")).to_have_text([f"{presets[0]}-1.png", f"{presets[0]}-2.png", presets[1]])
    styles = painted(visit)["options"]["styles"]
    assert [style.get("image", {}).get("sha256") for style in styles] == [*then, None]
    assert [(style["weight"], style["scale"]) for style in styles] == [(1.5, 0.4), (0.5, 0.8), (1.0, 1.0)]


def test_a_preset_whose_weights_alone_have_changed_is_another_one(
    visit: Visit, presets: tuple[str, str], photo_png: bytes, texture: np.ndarray
) -> None:
    job = visit.service.transfer(photo_png, {"preset": presets[1]}, **SMALL)
    put(visit.service, presets[1], [{"image": b64(png(texture[128:192, :96])), "scale": 0.5}])
    take_settings(visit, presets[0])
    visit.page.add_init_script(NOTE_SAID)
    again(visit, job)
    visit.page.wait_for_function("() => heard.some((words) => words.includes('those of that picture'))")
    assert not any("your own settings" in words for words in visit.page.evaluate("heard"))
    expect(visit.at("#mix strong")).to_have_text([f"{presets[1]}.png"])
    visit.at("#undo").get_by_text("Undo").click()
    expect(visit.at("#mix strong")).to_have_text([presets[0]])
    expect(visit.at("#strength-shown")).to_have_text("90 %")


def test_a_blend_comes_back_as_one(visit: Visit, presets: tuple[str, str], photo_png: bytes) -> None:
    job = blended(visit, photo_png, **{"from": presets[0], "to": presets[1], "steps": 3})
    edit_pictures(visit, presets[0])
    again(visit, job)
    expect(visit.at("#save-mix-label")).to_have_text("Save this mix as a preset")
    expect(visit.at("#mix-back")).to_be_hidden()
    expect(visit.at("#extras li")).to_have_text([f"A blend from {presets[0]} to {presets[1]}: 4 pictures"])
    expect(visit.at("#mix li")).to_have_count(0)
    check(visit)
    assert nameless(painted(visit)["options"]) == nameless(job["options"])
    visit.at("#job-new").click()
    visit.at("#extras button").click()
    visit.at("#paint").click()
    expect(visit.at("#styles .problem").first).to_contain_text("Pick at least one style")


def test_a_blend_of_what_has_changed_comes_back_as_its_pictures(
    visit: Visit, presets: tuple[str, str], photo_png: bytes, texture: np.ndarray
) -> None:
    job = blended(visit, photo_png, **{"from": presets[0], "to": presets[1], "steps": 2})
    files = visit.service.get(f"/v1/transfers/{job['id']}/files").json()["items"]
    used = {item["sha256"] for item in files if item["loc"].startswith("variants.2.")}
    put(visit.service, presets[1], [{"image": b64(png(texture[300:364, :96]))}])
    again(visit, job)
    expect(visit.at("#extras li")).to_contain_text("3 variants")
    options = painted(visit)["options"]
    assert {style["image"]["sha256"] for style in options["variants"][2]["styles"]} == used
    assert [style["weight"] for style in options["variants"][1]["styles"]] == [0.5, 0.5]


def test_variants_come_back(
    visit: Visit, presets: tuple[str, str], photo_png: bytes, texture: np.ndarray, mask: str
) -> None:
    own = {"image": b64(png(texture[192:256, :96])), "weight": 2.0}
    variants: list[dict[str, Any]] = [
        {},
        {"strength": 0.8},
        {"content_weight": 0.4},
        {"styles": [own, {"preset": presets[1]}]},
        {"protect": mask},
        {"init": b64(photo_png), "color": "match", "format": "webp"},
        {"seed": 3, "init": "random"},
    ]
    for dial, some in (({"strength": 0.3}, variants), ({"style_weight": 2.0}, variants[:3])):
        job = visit.service.transfer(photo_png, {"preset": presets[0]}, **SMALL, **dial, variants=some)
        again(visit, job)
        expect(visit.at("#extras li")).to_contain_text(f"{len(some)} variants: as it is; strength 80 %")
        assert nameless(painted(visit)["options"]) == nameless(job["options"])


def test_a_pack_that_is_another_one_now_is_named(visit: Visit, presets: tuple[str, str], photo_png: bytes) -> None:
    here, kind = f"{visit.service.url}/v1/styles/again-pack", {"Content-Type": "application/octet-stream"}
    pack = visit.service.get(f"/v1/styles/{presets[1]}/pack").content
    requests.put(f"{here}/pack", data=pack, headers=kind, timeout=60).raise_for_status()
    job = visit.service.transfer(photo_png, {"preset": "again-pack"}, {"preset": presets[0]}, **SMALL)
    again(visit, job)
    expect(visit.at("#mix strong")).to_have_text(["again-pack", presets[0]])
    requests.delete(here, timeout=60).raise_for_status()
    visit.expected.append("404")  # the draft from before still names it
    again(visit, job)
    expect(visit.at("#mix strong")).to_have_text([presets[0]])
    expect(visit.at("#extras li")).to_contain_text("“again-pack”, which came as a pack")
