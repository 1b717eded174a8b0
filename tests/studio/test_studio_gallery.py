"""The gallery and the large picture: search, selection, zoom; Paint and the picture in view; the keyboard's place."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from front_door import RunningService, b64, eventually, png
from playwright.sync_api import Download, Route, expect
from studio.test_studio_access import check
from studio.visiting import Visit, file

pytestmark = pytest.mark.slow

TINY = {"size": 32, "iterations": 0}


@pytest.fixture(scope="module")
def hung(service: RunningService, photo_png: bytes, texture: np.ndarray) -> list[str]:
    """Five transfers, the newest last: three in one preset, then one in another, then one with two pictures."""
    for name, place in (("hung-cloth", 0), ("hung-stone", 96)):
        service.put_style(name, png(texture[place : place + 96, :96])).raise_for_status()
    jobs = [service.transfer(photo_png, {"preset": "hung-cloth"}, **TINY) for _ in range(3)]
    jobs.append(service.transfer(photo_png, {"preset": "hung-stone"}, **TINY))
    jobs.append(service.transfer(photo_png, {"preset": "hung-stone"}, **TINY, variants=[{}, {"seed": 1}]))
    return [job["id"] for job in jobs]


def test_pictures_are_searched_selected_saved_and_deleted(visit: Visit, hung: list[str]) -> None:
    cards = visit.at("#wall li")
    visit.at("#gallery-search").fill("hung-stone done")
    expect(cards).to_have_count(2)
    visit.at("#gallery-search").fill("no such thing")
    expect(visit.at("#gallery-empty")).to_contain_text("None of your pictures")
    visit.at("#gallery-search").fill("")
    visit.at("#gallery-style").select_option("hung-cloth")
    expect(cards).to_have_count(3)
    visit.at("#gallery-style").select_option("hung-stone")
    expect(cards).to_have_count(2)
    visit.at("#gallery-select").click()
    check(visit)
    visit.at("#selection-all").click()
    with visit.page.expect_download() as download:
        visit.at("#selection-save").click()
    with zipfile.ZipFile(download.value.path()) as pictures:
        assert pictures.testzip() is None
        assert len(pictures.namelist()) == 3
    saved_in_parts(visit, hung[0])
    visit.at("#gallery-style").select_option("hung-cloth")
    expect(cards).to_have_count(3)
    for id in (hung[2], hung[0]):
        visit.at(f'#wall [data-job="{id}"] a').click()
    expect(visit.at("#selection-count")).to_have_text("2 pictures selected")
    visit.at("#selection-delete").click()
    expect(visit.at("#delete-title")).to_have_text("Delete 2 pictures?")
    visit.at("#delete-yes").click()
    expect(cards).to_have_count(1)
    expect(visit.at(f'#wall [data-job="{hung[1]}"] input')).to_be_focused()
    assert [visit.service.get(f"/v1/transfers/{id}").status_code for id in hung[:3]] == [404, 200, 404]
    visit.page.keyboard.press("Escape")
    expect(visit.at("#gallery-select")).to_be_focused()
    visit.at(f'#wall a[href="#/{hung[1]}"]').click()
    visit.done()
    visit.at("#delete").click()
    visit.at("#delete-yes").click()
    visit.page.wait_for_url("**/#new")  # no neighbour is shown
    expect(visit.at("#stage")).to_be_focused()


def saved_in_parts(visit: Visit, id: str) -> None:
    """Many pictures become several files, so that none has to fit into memory."""
    downloads: list[Download] = []
    visit.page.on("download", lambda download: downloads.append(download))  # noqa: PLW0108 - a list's own method is refused
    visit.page.evaluate(
        """async (path) => {
            const { savePictures } = await studioModule("save.js");
            await savePictures([path, path, path], "many", undefined, { files: 2, bytes: 1e9 });
            await savePictures([path, path], "large", undefined, { files: 9, bytes: 1 });
        }""",
        f"/v1/transfers/{id}/image",
    )
    eventually(lambda: visit.page.evaluate("1") and len(downloads) == 4, 60, "a file is missing")
    names = ["many-1.zip", "many-2.zip", "large-1.zip", "large-2.zip"]
    assert [one.suggested_filename for one in downloads] == names
    with zipfile.ZipFile(downloads[0].path()) as pictures:
        assert pictures.testzip() is None
        assert pictures.namelist() == ["painting - hung-cloth.png", "painting - hung-cloth-2.png"]


def test_a_picture_is_looked_at_closely(visit: Visit, hung: list[str]) -> None:
    asked: list[Route] = []  # the photograph: first faintly, then to be compared with

    def hold(route: Route) -> None:
        asked.append(route)
        if len(asked) == 1:
            route.continue_()

    visit.page.route(f"**/v1/transfers/{hung[3]}/content", hold)
    visit.open(f"/#/{hung[3]}")
    visit.until("Done")
    visit.page.wait_for_function("() => document.getElementById('after').alt.startsWith('Painting in')")
    visit.at("#look-closer").click()
    expect(visit.at("#viewer-compare")).to_be_hidden()
    eventually(lambda: visit.page.evaluate("1") and len(asked) > 1, 60, "the photograph was not asked for")
    asked[1].continue_()
    expect(visit.at("#viewer-compare")).to_be_visible()
    expect(visit.at("#viewer-window")).to_be_focused()
    check(visit)
    picture = "document.getElementById('viewer-picture').getBoundingClientRect()"
    whole = visit.page.evaluate(f"{picture}.width")
    visit.at("#viewer-actual").click()
    expect(visit.at("#viewer-scale")).to_have_text("100 %")
    assert visit.page.evaluate(f"{picture}.width") == 32 < whole
    for _ in range(20):
        visit.page.keyboard.press("+")
    expect(visit.at("#viewer-scale")).to_have_text("1600 %")
    visit.page.set_viewport_size({"width": 300, "height": 300})
    left = visit.page.evaluate(f"{picture}.left")
    visit.page.keyboard.press("ArrowRight")
    visit.page.wait_for_function(f"Math.abs({picture}.left - {left - 80}) <= 1")
    visit.page.mouse.move(150, 100)
    visit.page.mouse.down()
    visit.page.mouse.move(180, 100)
    visit.page.mouse.up()
    visit.page.wait_for_function(f"Math.abs({picture}.left - {left - 50}) <= 1")
    visit.page.keyboard.press("b")
    expect(visit.at("#viewer-before")).to_be_visible()
    visit.at("#viewer-full").click()
    visit.page.wait_for_function("() => document.fullscreenElement?.id === 'viewer-sheet'")
    visit.at("#viewer").get_by_role("button", name="Close").click()
    expect(visit.at("#look-closer")).to_be_focused()
    visit.page.wait_for_function("() => document.fullscreenElement === null")


def test_paint_and_the_picture_stay_in_view_and_shares_add_up_whichever_is_moved(
    visit: Visit, photo_png: bytes
) -> None:
    visit.choose_content(file("photo.png", photo_png))
    visit.add_styles(*(file(f"{i}.png", photo_png) for i in range(3)))
    for width, height in ((1440, 760), (820, 1180), (390, 844)):
        visit.page.set_viewport_size({"width": width, "height": height})
        for place in ("#mix li:last-child", "#fine", "#size"):
            visit.at(place).evaluate("element => element.scrollIntoView({ block: 'center' })")
            expect(visit.at("#paint")).to_be_in_viewport(ratio=1)
            shown = "#peek" if visit.at("#peek").is_visible() else "#frame"
            expect(visit.at(shown)).to_be_in_viewport(ratio=0.5)
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    shares = visit.at("#mix .slider:has([data-field=weight]) output")
    expect(shares).to_have_text(["34 %", "33 %", "33 %"])
    sliders = visit.at("#mix [data-field=weight]")
    sliders.nth(1).fill("0.5")
    expect(shares).to_have_text(["25 %", "50 %", "25 %"])
    drag = (
        "(slider, values) => values.forEach((v) => { slider.value = v; slider.dispatchEvent(new Event('input')); })"
    )
    sliders.nth(0).evaluate(drag, [0.6, 1, 0.4])  # one way and back in one go forgets nothing
    expect(shares).to_have_text(["40 %", "40 %", "20 %"])
    visit.at("#mix li button[aria-label^=Remove]").first.click()
    expect(shares).to_have_text(["67 %", "33 %"])


def test_errors_name_what_a_person_sees(visit: Visit, photo_png: bytes, texture_png: bytes) -> None:
    said = """([loc, words]) => studioModule("labels.js").then(
        ({ placeInWords, inWords }) => [placeInWords(loc), inWords(words)])"""
    assert visit.page.evaluate(said, ["variants.1.style_weight", "styles.0.mask: content_weight is wrong"]) == [
        "picture 2: the style weight",
        "style 1: its mask over the photograph: content weight is wrong",
    ]
    visit.expected.append("422")
    black = b64(png(np.zeros((96, 96), np.uint8)))
    response = visit.service.post(
        {"content": b64(photo_png), "styles": [{"image": b64(texture_png), "style_mask": black}]}
    )
    assert response.status_code == 422
    refused = response.json()
    visit.page.route(
        "**/v1/transfers",
        lambda route: (
            route.fulfill(status=422, json=refused) if route.request.method == "POST" else route.continue_()
        ),
    )
    visit.choose_content(file("photo.png", photo_png))
    visit.add_styles(file("a.png", texture_png))
    visit.at("#paint").click()
    expect(visit.at("#mix .problem")).to_contain_text("Its mask over its picture: is")
    assert visit.page.evaluate("document.activeElement.closest('#mix li') !== null")
