"""The brush: masks painted over the photograph by pointer, pen and keys; kept in the draft, sent as grey pictures."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from front_door import png
from PIL import Image
from playwright.sync_api import expect
from studio.test_studio_access import check
from studio.visiting import Visit, file

pytestmark = pytest.mark.slow

PEN = """([selector, places]) => {
    const canvas = document.querySelector(selector), box = canvas.getBoundingClientRect();
    canvas.setPointerCapture = () => {};  // there is no such pointer
    places.forEach(([x, y], i) => {
        const last = i === places.length - 1 ? ["pointerup"] : [];
        const names = i === 0 ? ["pointerdown"] : ["pointermove", ...last];
        for (const name of names) canvas.dispatchEvent(new PointerEvent(name, {
            pointerId: 7, pointerType: "pen", pressure: 0.9, bubbles: true, cancelable: true,
            clientX: box.left + x * box.width, clientY: box.top + y * box.height,
        }));
    });
}"""


@pytest.fixture
def photo_wide(photo: np.ndarray) -> np.ndarray:
    """A photograph whose size is no power of anything: 96 x 61."""
    return photo[:61, :96]


@pytest.fixture
def drafting(visit: Visit, photo_wide: np.ndarray, texture: np.ndarray) -> Visit:
    """Somebody with a photograph and two styles."""
    visit.choose_content(file("wide.png", png(photo_wide)))
    visit.add_styles(file("a.png", png(texture[:64, :64])), file("b.png", png(texture[64:128, :64])))
    visit.set(size="96", iterations="2")
    return visit


def drag(visit: Visit, *places: tuple[float, float]) -> None:
    """Draw with the mouse over the paper, from place to place in shares of its sides."""
    box = visit.at("#paper-mask").bounding_box()
    assert box is not None
    mouse = visit.page.mouse
    for i, (x, y) in enumerate(places):
        mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4 if i else 1)
        if not i:
            mouse.down()
    mouse.up()


def mask_of(visit: Visit, job: dict[str, Any], loc: str) -> np.ndarray:
    """The mask as it was sent, H x W uint8; its file must be grey and without alpha."""
    files = visit.service.get(f"/v1/transfers/{job['id']}/files").json()["items"]
    link = next(item["link"] for item in files if item["loc"] == loc)
    with Image.open(io.BytesIO(visit.service.get(link).content)) as image:
        assert (image.format, image.mode) == ("PNG", "L")
        return np.asarray(image)


def test_masks_are_painted_kept_and_sent(drafting: Visit, photo_wide: np.ndarray) -> None:
    visit = drafting
    visit.at("#where [data-loc=protect] button").first.click()
    visit.at("#brush-size").fill("200")
    visit.at("#brush-soft").fill("0")
    check(visit)
    drag(visit, (0.2, 0.1), (0.2, 0.9))
    visit.at("#brush-clear").click()
    visit.at("#brush-undo").click()
    expect(visit.at("#brush-redo")).to_be_enabled()
    visit.page.keyboard.press("Control+y")
    visit.page.keyboard.press("Control+z")
    visit.at("#brush-use").click()
    expect(visit.at("#where .painted")).to_have_text("What stays as it isChange")
    expect(visit.at("#where [data-loc=protect] button").first).to_be_focused()
    visit.at("#where [data-loc=strength_map] button").first.click()
    visit.at("#brush-amount").fill("50")
    visit.page.evaluate(PEN, ["#paper-mask", [[0.9, 0.1], [0.9, 0.5], [0.9, 0.9]]])
    visit.at("#brush-use").click()
    visit.at(".draw-mask").first.click()
    visit.at("#brush-amount").fill("100")
    visit.at("#paper-mask").focus()
    for key in ("Space", "Control+ArrowRight", "Control+ArrowRight"):
        visit.page.keyboard.press(key)
    visit.at("#brush-use").click()
    expect(visit.at("#mix .mask")).to_have_count(1)
    expect(visit.at(".draw-mask").first).to_be_focused()
    visit.at("html[data-draft=saved]").wait_for()
    visit.reload()
    expect(visit.at("#mix .mask")).to_have_count(1)
    expect(visit.at("#where .painted")).to_have_count(2)
    id = visit.paint()
    visit.done()
    job = visit.service.job(id)
    stays, strong, goes = (mask_of(visit, job, loc) for loc in ("protect", "strength_map", "styles.0.mask"))
    assert stays.shape == strong.shape == goes.shape == photo_wide.shape[:2]
    assert (stays[30, 19], stays[30, 80]) == (255, 0)
    assert (strong[30, 10], strong[30, 86]) == (255, 127)
    assert goes[30, 48] == 255 > goes[2, 2]
    assert np.array_equal(visit.service.picture(job)[stays == 255], photo_wide[stays == 255])


def test_a_mask_can_be_changed_given_up_and_does_not_fit_another_photograph(
    drafting: Visit, photo: np.ndarray
) -> None:
    visit = drafting
    paint = visit.at("#where [data-loc=protect] button").first
    paint.click()
    drag(visit, (0.5, 0.5), (0.6, 0.5))
    visit.page.keyboard.press("Escape")
    expect(visit.at("#where .painted")).to_have_count(0)
    paint.click()
    visit.at("#brush-use").click()
    expect(visit.at("#where .painted")).to_have_count(0)  # nothing was painted
    paint.click()
    drag(visit, (0.5, 0.5), (0.6, 0.5))
    visit.at("#brush-use").click()
    expect(visit.at("#where .painted")).to_have_count(1)
    visit.choose_content(file("tall.png", png(photo[:96, :40])))
    expect(visit.at("#where .problem").first).to_contain_text("photograph of another shape")
    paint.click()
    visit.at("#brush-invert").click()
    visit.at("#brush-use").click()
    expect(visit.at("#where .problem").first).to_be_hidden()
    visit.at("#where [data-loc=protect] button").last.click()
    expect(visit.at("#where .painted")).to_have_count(0)
