"""Presets at the studio: saved with settings, edited, deleted, shown by what they paint, taken along as packs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from front_door import RunningService, eventually, png
from playwright.sync_api import Locator, Route, expect
from studio.test_studio_access import check
from studio.visiting import Visit, file

from service.styles.starters.loading import STARTERS

pytestmark = pytest.mark.slow

QUICK = {"size": "64", "iterations": "3"}
NOTE_ADDRESSES = """() => {
    const { createObjectURL, revokeObjectURL } = URL;
    [globalThis.made, globalThis.freed] = [new Set(), new Set()];
    URL.createObjectURL = (blob) => {
        const url = createObjectURL(blob);
        made.add(url);
        return url;
    };
    URL.revokeObjectURL = (url) => {
        freed.add(url);
        revokeObjectURL(url);
    };
}"""
BUILT_IN = next(starter for starter in STARTERS if starter.name == "linocut")


@pytest.fixture(scope="module")
def presets(service: RunningService, photo: np.ndarray, texture: np.ndarray) -> str:
    """A preset of two pictures with settings of its own, beside one that is the service's own."""
    pair = png(texture[:96, :96]), png(photo[:96, :96])
    options = {"strength": 0.7, "size": 96, "color": "match", "iterations": 4, "tv_weight": 0.2}
    service.put_style("own-pair", *pair, description="A pair", options=options).raise_for_status()
    service.put_style("linocut", BUILT_IN.picture.read_bytes(), description=BUILT_IN.description).raise_for_status()
    return "own-pair"


def tile(visit: Visit, preset: str) -> Locator:
    return visit.at(f'[data-preset="{preset}"]')


def row(visit: Visit, preset: str) -> Locator:
    return visit.at(f'[data-manage="{preset}"]')


def lose_the_answer(visit: Visit, method: str, address: str = "**/v1/styles/*") -> None:
    """Let the next request of a method reach the service, but not its answer the page."""

    def carry_out(route: Route) -> None:
        if route.request.method == method and not done:
            done.append(route.fetch().status)
            route.abort()
        else:
            route.continue_()

    done: list[int] = []
    visit.expected += ["ERR_", "404"]
    visit.page.route(address, carry_out)


def manage(visit: Visit) -> None:
    visit.at("#manage-presets").click()
    expect(visit.at("#manage-dialog")).to_be_visible()


def saved(visit: Visit, preset: str) -> dict[str, Any]:
    found: dict[str, Any] = visit.service.get(f"/v1/styles/{preset}").json()
    return found


def test_own_ones_stand_apart_and_a_mix_is_shown_as_one(visit: Visit, presets: str) -> None:
    expect(visit.at("#shelf ul")).to_have_count(2)
    own, built_in = visit.at("#shelf ul").all()
    assert (own.get_attribute("aria-labelledby"), built_in.locator("button").count()) == ("shelf-own", 1)
    expect(built_in.locator("strong, button")).to_contain_text("linocut")
    expect(tile(visit, presets).locator(".shares i")).to_have_count(2)
    picture = tile(visit, "linocut").locator("img")
    expect(picture).to_have_js_property("naturalWidth", 188)  # the photograph that comes with it
    manage(visit)
    expect(row(visit, presets)).to_contain_text("A mix: 50 % picture 1, 50 % picture 2")
    expect(row(visit, presets)).to_contain_text("strength 70 %, colours matched, 96 px")
    expect(row(visit, "linocut").locator("button")).to_have_text(["Pack"])
    pictures_are_freed(visit, presets)


def pictures_are_freed(visit: Visit, presets: str) -> None:
    """A picture that comes when nobody wants it any more takes no memory, nor does one in a closed dialog."""
    held: list[Route] = []
    visit.page.keyboard.press("Escape")
    visit.page.evaluate(NOTE_ADDRESSES)
    visit.page.route(f"**/v1/styles/{presets}/*", lambda route: held.append(route))  # noqa: PLW0108 - a list's own method is refused
    for _ in range(2):
        manage(visit)
        visit.page.keyboard.press("Escape")
    eventually(lambda: visit.page.evaluate("1") and len(held) == 2, 60, "the picture was not asked for")
    for route in held:
        route.continue_()
    visit.page.unroute(f"**/v1/styles/{presets}/*")
    manage(visit)
    visit.page.wait_for_function(
        "() => [...document.querySelectorAll('#manage-dialog img')].every((image) => image.naturalWidth > 0)"
    )
    visit.page.keyboard.press("Escape")
    visit.page.wait_for_function(
        """() => {
          const shown = [...document.images].filter((image) => !image.closest("dialog")).map(({ src }) => src);
          const others = [...made].filter((url) => !shown.includes(url)); // the page may have drawn its shelf anew
          return others.length > 0 && others.every((url) => freed.has(url));
        }"""
    )


def test_a_chosen_preset_brings_its_settings_onto_the_dials(visit: Visit, presets: str, photo_png: bytes) -> None:
    visit.at("#strength").fill("0.2")
    tile(visit, presets).click()
    expect(visit.at("#strength-shown")).to_have_text("70 %")
    expect(visit.at("#size")).to_have_value("96")
    expect(visit.at("[name=color][value=match]")).to_be_checked()
    expect(visit.at("#own-settings-words")).to_contain_text("tv weight 0.2")
    visit.at("#own-settings-button").click()
    expect(visit.at("#strength-shown")).to_have_text("20 %")
    visit.at("#own-settings-button").click()
    visit.at("#strength").fill("0.6")
    visit.set(iterations="")  # the service's own number, not the preset's
    visit.choose_content(file("photo.png", photo_png))
    options = visit.service.job(visit.paint())["options"]
    visit.done()
    assert (options["strength"], options["size"], options["color"]) == (0.6, 96, "match")
    assert (options["iterations"], options["tv_weight"]) == (90, 0.2)
    visit.at("#job-new").click()
    visit.at("html[data-draft=saved]").wait_for()
    visit.reload()
    tile(visit, "linocut").click()
    expect(visit.at("#own-settings")).to_be_hidden()
    expect(visit.at("#size")).to_have_value("512")  # the preset's settings leave with it
    expect(visit.at("[name=color][value=style]")).to_be_checked()
    expect(visit.at("#strength-shown")).to_have_text("60 %")  # moved since, so it stays
    what_is_damaged_is_forgotten(visit)


def what_is_damaged_is_forgotten(visit: Visit) -> None:
    visit.page.evaluate("localStorage.setItem('studio.own-settings', '{')")
    visit.page.evaluate("sessionStorage.setItem('studio.instant', '[')")
    visit.reload()


def test_from_a_saved_mix_with_settings_to_its_end(visit: Visit, presets: str, texture_png: bytes) -> None:
    visit.expected.append("409")
    visit.add_styles(file("Stoff.png", texture_png), file("zweiter.png", texture_png))
    visit.at("#strength").fill("0.9")
    visit.set(size="80")
    visit.at("#save-mix").click()
    visit.at("#preset-name").fill("linocut")
    visit.at("#preset-save").click()
    expect(visit.at("#preset-form [data-loc=name] .problem")).to_contain_text("stays as it is")
    closed_while_it_is_sent(visit)
    visit.at("#preset-name").fill("of-mine")
    expect(visit.at("#preset-settings-words")).to_contain_text("strength 90 %")
    visit.at("#preset-with-settings").check()
    visit.at("#preset-save").click()
    expect(tile(visit, "of-mine")).to_have_attribute("aria-pressed", "true")
    first = saved(visit, "of-mine")
    assert first["options"] == {"strength": 0.9, "size": 80, "color": "style"}
    assert [image["name"] for image in first["images"]] == ["Stoff.png", "zweiter.png"]
    assert visit.service.get("/v1/styles/linocut").json()["built_in"]
    edited(visit, presets, first)
    changed_in_the_mix(visit, texture_png)
    masks_stay_in_the_mix(visit)
    deleted(visit)


def closed_while_it_is_sent(visit: Visit) -> None:
    """What is given up isn't saved, and the dialog that is opened next stays open."""
    held: list[Route] = []
    visit.page.route("**/v1/styles/given-up", lambda route: held.append(route))  # noqa: PLW0108 - as above
    visit.at("#preset-name").fill("given-up")
    with visit.page.expect_event("requestfailed", lambda request: request.method == "PUT", timeout=20_000):
        visit.at("#preset-save").click()
        eventually(lambda: visit.page.evaluate("1") and len(held) == 1, 60, "nothing was sent")
        visit.page.keyboard.press("Escape")
    visit.page.unroute("**/v1/styles/given-up")
    visit.at("#save-mix").click()
    expect(visit.at("#preset-save")).to_be_enabled()
    assert visit.service.get("/v1/styles/given-up").status_code == 404


def edited(visit: Visit, taken: str, first: dict[str, Any]) -> None:
    manage(visit)
    row(visit, "of-mine").get_by_text("Edit").click()
    check(visit)
    visit.at("#edit-name").fill(taken)
    visit.at("#edit-save").click()
    expect(visit.at("#edit-form [data-loc=name] .problem")).to_contain_text("Another preset")
    visit.at("#edit-name").fill("of-mine-too")
    visit.at("#edit-description").fill("Two cloths")
    visit.at("#edit-none").check()
    lose_the_answer(visit, "PATCH")
    visit.at("#edit-save").click()
    expect(row(visit, "of-mine-too")).to_contain_text("Two cloths")
    expect(row(visit, "of-mine-too").get_by_text("Edit")).to_be_focused()
    check(visit)
    expect(visit.at("#mix strong")).to_have_text(["of-mine-too"])
    second = saved(visit, "of-mine-too")
    assert (second["description"], second["options"], second["images"]) == ("Two cloths", {}, first["images"])


def changed_in_the_mix(visit: Visit, texture_png: bytes) -> None:
    visit.at("#manage-close").click()
    visit.choose_content(file("photo.png", texture_png))
    visit.add_styles(file("third.png", texture_png))
    visit.at(".draw-mask").first.click()
    visit.at("#brush-all").click()
    visit.at("#brush-use").click()
    expect(visit.at("#mix .mask")).to_have_count(1)
    manage(visit)
    row(visit, "of-mine-too").get_by_text("Edit").click()
    visit.at("#edit-pictures").click()
    expect(visit.at("#mix strong")).to_have_text(["Stoff.png", "zweiter.png"])
    expect(visit.at("#mix .mask")).to_have_count(2)  # the preset's own
    visit.at("html[data-draft=saved]").wait_for()
    visit.reload()
    visit.at("#mix-back").click()
    expect(visit.at("#mix strong")).to_have_text(["of-mine-too", "third.png"])
    manage(visit)
    row(visit, "of-mine-too").get_by_text("Edit").click()
    visit.at("#edit-pictures").click()
    other_styles_take_nothing_along(visit, texture_png)
    manage(visit)
    row(visit, "of-mine-too").get_by_text("Edit").click()
    visit.at("#edit-pictures").click()
    visit.at("#mix li:nth-child(2) [data-field=weight]").fill("0.25")
    visit.at("#save-mix").filter(has_text="of-mine-too").click()
    expect(visit.at("#preset-name")).to_have_value("of-mine-too")
    expect(visit.at("#preset-description")).to_have_value("Two cloths")
    expect(visit.at("#preset-hint")).to_contain_text("replaces it, and its painter goes with it")
    visit.at("#preset-save").click()
    expect(visit.at("#mix strong")).to_have_text(["of-mine-too", "third.png"])
    expect(visit.at("#mix .mask")).to_have_count(1)
    assert weights(visit, "of-mine-too") == [0.75, 0.25]
    undone(visit)


def weights(visit: Visit, preset: str) -> list[float]:
    return [image["weight"] for image in saved(visit, preset)["images"]]


def undone(visit: Visit) -> None:
    """What was replaced is back with one press, and the mix with it; what came instead of it can be had back too."""
    expect(visit.at("#undo")).to_contain_text("of-mine-too is replaced.")
    check(visit)
    visit.at("#undo").get_by_text("Undo").click()
    expect(visit.at("#mix strong")).to_have_text(["Stoff.png", "zweiter.png"])
    expect(visit.at("#undo")).to_be_hidden()
    assert weights(visit, "of-mine-too") == [1.0, 1.0]
    visit.at("#mix-back").click()
    expect(visit.at("#mix strong")).to_have_text(["of-mine-too", "third.png"])
    manage(visit)
    row(visit, "of-mine-too").get_by_text("Edit").click()
    visit.at("#edit-former summary").click()
    expect(visit.at("#edit-former-list p")).to_have_text(["Replaced just now 2 pictures, Two cloths"])
    check(visit)
    visit.at("#edit-former-list").get_by_text("Put back").click()
    expect(visit.at("#edit-dialog")).to_be_hidden()
    expect(row(visit, "of-mine-too").get_by_text("Edit")).to_be_focused()
    assert weights(visit, "of-mine-too") == [0.75, 0.25]
    visit.at("#manage-close").click()


def other_styles_take_nothing_along(visit: Visit, texture_png: bytes) -> None:
    """The mix that made room for a preset's pictures waits until it is wanted, whatever else is in the mix."""
    for _ in range(2):
        visit.at("#mix").get_by_label("Remove ").first.click()
    visit.add_styles(file("other.png", texture_png))
    visit.at("#mix-back").click()
    expect(visit.at("#mix strong")).to_have_text(["of-mine-too", "third.png"])


def masks_stay_in_the_mix(visit: Visit) -> None:
    visit.expected.append("404")  # the shelf may still fetch a picture of what is deleted here
    visit.at("#save-mix").click()
    expect(visit.at("#preset-masks.hint")).to_contain_text("A preset keeps no masks")
    expect(visit.at("#preset-problem")).to_be_hidden()
    visit.at("#preset-name").fill("all-three")
    visit.at("#preset-save").click()
    expect(visit.at("#preset-dialog")).to_be_hidden()
    expect(tile(visit, "all-three")).to_be_visible()
    expect(visit.at("#mix strong")).to_have_text(["of-mine-too", "third.png"])
    expect(visit.at("#mix .mask")).to_have_count(1)
    requests.delete(f"{visit.service.url}/v1/styles/all-three", timeout=60).raise_for_status()


def deleted(visit: Visit) -> None:
    manage(visit)
    row(visit, "of-mine-too").get_by_text("Delete").click()
    row(visit, "of-mine-too").get_by_text("Keep it").click()
    row(visit, "of-mine-too").get_by_text("Delete").click()
    before = saved(visit, "of-mine-too")
    lose_the_answer(visit, "DELETE")
    row(visit, "of-mine-too").get_by_label("Yes, delete").click()
    expect(row(visit, "of-mine-too")).to_have_count(0)
    expect(visit.at("#manage-close")).to_be_focused()
    expect(visit.at("#mix strong")).to_have_text(["third.png"])
    assert visit.service.get("/v1/styles/of-mine-too").status_code == 404
    check(visit)
    lose_the_answer(visit, "POST", "**/restore")
    visit.at("#undo").get_by_text("Undo").click()
    expect(row(visit, "of-mine-too").get_by_text("Edit")).to_be_focused()
    expect(visit.at("#mix strong")).to_have_text(["third.png", "of-mine-too"])
    expect(visit.at("#mix .mask")).to_have_count(1)
    assert saved(visit, "of-mine-too") == before
    what_isn_t_kept_is_not_brought_back(visit)


def what_isn_t_kept_is_not_brought_back(visit: Visit) -> None:
    row(visit, "of-mine-too").get_by_text("Delete").click()
    row(visit, "of-mine-too").get_by_label("Yes, delete").click()
    visit.at("#undo").get_by_text("of-mine-too is deleted.").wait_for()
    address = f"{visit.service.url}/v1/styles/of-mine-too?purge=true"
    requests.delete(address, timeout=60).raise_for_status()
    visit.at("#undo").get_by_text("Undo").click()
    expect(visit.at("#undo")).to_contain_text("doesn\u2019t keep that state any more")
    visit.at("#undo").get_by_label("Close").click()
    expect(visit.at("#manage-close")).to_be_focused()


def test_a_preset_shows_its_first_painting(visit: Visit, photo: np.ndarray, texture: np.ndarray) -> None:
    visit.service.put_style("fresh", png(texture[200:264, 100:164])).raise_for_status()
    visit.reload()
    expect(tile(visit, "fresh").locator("img")).to_have_js_property("naturalWidth", 64)
    tile(visit, "fresh").click()
    visit.choose_content(file("photo.png", png(photo)))
    visit.set(size="256", iterations="30")  # fewer make no sample
    visit.paint()
    visit.done()
    expect(tile(visit, "fresh").locator("img")).to_have_js_property("naturalHeight", 170)


def test_packs_go_out_and_come_in(visit: Visit, presets: str, tmp_path: Path) -> None:
    visit.expected.append("422")
    manage(visit)
    with visit.page.expect_download() as download:
        row(visit, presets).get_by_text("Pack").click()
    assert download.value.suggested_filename == f"{presets}.safetensors"
    pack = Path(download.value.path()).read_bytes()
    assert pack == visit.service.get(f"/v1/styles/{presets}/pack").content

    visit.page.set_input_files("#pack-file", file("notes.safetensors", b"no pack at all"))
    expect(visit.at("#pack-form [data-loc=pack] .problem")).to_contain_text("is no pack")
    expect(visit.at("#pack-name")).to_be_hidden()
    broken = tmp_path / "Broken one.safetensors"
    broken.write_bytes(pack[: len(pack) // 2])
    visit.page.set_input_files("#pack-file", broken)
    expect(visit.at("#pack-name")).to_have_value("broken-one")
    visit.at("#pack-add").click()
    expect(visit.at("#pack-form [data-loc=pack] .problem")).to_contain_text("be used:")
    check(visit)

    whole = tmp_path / f"{presets}.safetensors"
    whole.write_bytes(pack)
    visit.page.set_input_files("#pack-file", whole)
    expect(visit.at("#pack-name")).to_have_value(f"{presets}-2")
    visit.at("#pack-name").fill("linocut")
    visit.at("#pack-add").click()
    expect(visit.at("#pack-form [data-loc=name] .problem")).to_contain_text("choose another name")
    visit.at("#pack-name").fill("brought")
    slow_down(visit, len(pack) // 2)
    visit.at("#pack-add").click()
    expect(visit.at("#pack-sending")).to_contain_text("sent")
    expect(row(visit, "brought")).to_contain_text("strength 70 %")
    requests.delete(f"{visit.service.url}/v1/styles/brought", timeout=60).raise_for_status()


def slow_down(visit: Visit, bytes_per_s: float) -> None:
    """Let uploads take longer, as on a phone's network."""
    session = visit.page.context.new_cdp_session(visit.page)
    network = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_s}
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", network)
