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

FINGERS = """(moves) => {
    const canvas = document.querySelector("#paper-mask"), box = canvas.getBoundingClientRect();
    canvas.setPointerCapture = () => {};  // there is no such pointer
    for (const [name, pointerId, x, y, pointerType = "touch"] of moves) {
        const place = { clientX: box.left + x * box.width, clientY: box.top + y * box.height };
        const pointer = { ...place, pointerId, pointerType, pressure: 0.5, bubbles: true, cancelable: true };
        canvas.dispatchEvent(new PointerEvent(`pointer${name}`, pointer));
    }
}"""
PAINTED = """() => new Promise(requestAnimationFrame).then(() => {
    const canvas = document.querySelector("#paper-mask");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, i) => i % 4 === 3 && value > 0).length / (canvas.width * canvas.height);
})"""


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
    visit.at("#paper-mask").wait_for()
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
    expect(visit.at("#paper-mask")).to_be_focused()
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
    visit.at("#paper-mask").wait_for()
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
    expect(visit.at("#paper-mask")).to_be_focused()
    visit.page.keyboard.press("Escape")
    expect(visit.at("#brush-dialog")).to_be_hidden()  # nothing would be lost
    paint.click()
    thrown_away_when_said(visit)
    expect(visit.at("#where .painted")).to_have_count(0)
    paint.click()
    visit.at("#brush-use").click()
    expect(visit.at("#where .painted")).to_have_count(0)  # nothing was painted
    paint.click()
    reloaded_while_painting(visit)
    expect(visit.at("#where .painted")).to_have_count(1)
    expect(visit.at("#old-masks")).to_be_hidden()
    visit.choose_content(file("tall.png", png(photo[:96, :40])))
    expect(visit.at("#where .problem").first).to_contain_text("photograph of another shape")
    expect(visit.at("#old-masks")).to_contain_text("masks from the photograph before")
    visit.at("#paint").click()
    expect(visit.at("#where [data-loc=protect] button").first).to_be_focused()
    assert visit.shown() == ""  # nothing was sent
    paint.click()
    visit.at("#brush-invert").click()
    visit.at("#brush-use").click()
    expect(visit.at("#where .problem").first).to_be_hidden()
    expect(visit.at("#old-masks")).to_be_hidden()
    visit.at("#where [data-loc=protect] button").last.click()
    expect(visit.at("#where .painted")).to_have_count(0)


def reloaded_while_painting(visit: Visit) -> None:
    visit.page.evaluate("document.documentElement.dataset.draft = 'before the stroke'")
    drag(visit, (0.5, 0.5), (0.6, 0.5))
    visit.at("html[data-draft=saved]").wait_for()
    visit.reload()


def thrown_away_when_said(visit: Visit) -> None:
    """Paint, and leave the dialog: what was painted is thrown away only where that is said."""
    drag(visit, (0.5, 0.5), (0.6, 0.5))
    visit.page.keyboard.press("Escape")
    expect(visit.at("#brush-go-on")).to_be_focused()
    check(visit)
    visit.page.keyboard.press("Escape")
    expect(visit.at("#brush-use")).to_be_visible()
    visit.at("#brush-close").click()
    visit.at("#brush-discard").click()
    expect(visit.at("#brush-dialog")).to_be_hidden()


def test_one_finger_paints_and_two_zoom(drafting: Visit) -> None:
    visit = drafting
    visit.at("#where [data-loc=protect] button").first.click()
    expect(visit.at("#paper-mask")).to_be_focused()
    one = [["down", 1, 0.2, 0.5], ["move", 1, 0.3, 0.5]]
    visit.page.evaluate(FINGERS, [*one, ["down", 2, 0.8, 0.5]])
    assert visit.page.evaluate(PAINTED) == 0  # what the first finger began is taken back
    visit.page.evaluate(
        FINGERS, [["move", 2, 0.9, 0.5], ["up", 2, 0.9, 0.5], ["move", 1, 0.3, 0.9], ["up", 1, 0.3, 0.9]]
    )
    assert visit.page.evaluate(PAINTED) == 0
    expect(visit.at("#brush-scale")).to_have_text("120 %")
    visit.page.keyboard.press("+")
    expect(visit.at("#brush-scale")).to_have_text("180 %")
    visit.at("#brush-out").click()
    visit.page.keyboard.press("0")
    expect(visit.at("#brush-scale")).to_have_text("100 %")
    visit.page.evaluate(FINGERS, [*one, ["up", 9, 0.9, 0.9], ["move", 1, 0.3, 0.9], ["up", 1, 0.3, 0.9]])
    assert visit.page.evaluate(PAINTED) > 0
    expect(visit.at("#brush-undo")).to_be_enabled()
    before = visit.page.evaluate(PAINTED)
    palm = [
        ["down", 3, 0.7, 0.2, "pen"],
        ["down", 4, 0.9, 0.9],
        ["move", 3, 0.9, 0.2, "pen"],
        ["up", 3, 0.9, 0.2, "pen"],
    ]
    visit.page.evaluate(FINGERS, palm)
    assert visit.page.evaluate(PAINTED) > before
    a_palm_may_come_before_its_pen(visit)
    a_stroke_that_is_given_up_takes_no_step_along(visit)
    keep_all_the_same(visit)
    read_as_the_service_does(visit)
    tinted_so_that_it_is_seen(visit)


def a_palm_may_come_before_its_pen(visit: Visit) -> None:
    """The pen paints, the paper stays where it is, and nothing of the palm is kept."""
    before = visit.page.evaluate(PAINTED)
    palm, pen = ["down", 5, 0.95, 0.95], ["down", 6, 0.1, 0.1, "pen"]
    moves = [["move", 6, 0.6, 0.1, "pen"], ["move", 5, 0.95, 0.8], ["up", 6, 0.6, 0.1, "pen"], ["up", 5, 0.95, 0.8]]
    visit.page.evaluate(FINGERS, [palm, pen, *moves])
    assert visit.page.evaluate(PAINTED) > before
    expect(visit.at("#brush-scale")).to_have_text("100 %")
    visit.at("#brush-undo").click()
    assert visit.page.evaluate(PAINTED) == before


def a_stroke_that_is_given_up_takes_no_step_along(visit: Visit) -> None:
    """What was undone can be done again, the oldest step stays, and Undo during a stroke ends it."""
    before = visit.page.evaluate(PAINTED)
    pinch = [["down", 7, 0.9, 0.1], ["down", 8, 0.9, 0.9], ["up", 7, 0.9, 0.1], ["up", 8, 0.9, 0.9]]
    visit.page.evaluate(FINGERS, [["down", 9, 0.9, 0.5], ["up", 9, 0.9, 0.5]])
    stroke = visit.page.evaluate(PAINTED)
    visit.at("#brush-undo").click()
    visit.page.evaluate(FINGERS, pinch)
    expect(visit.at("#brush-redo")).to_be_enabled()
    visit.at("#brush-redo").click()
    assert visit.page.evaluate(PAINTED) == stroke > before
    visit.page.evaluate(FINGERS, pinch[:1])
    visit.page.keyboard.press("Control+z")
    visit.page.evaluate(FINGERS, pinch[1:])
    assert visit.page.evaluate(PAINTED) == stroke
    steps = """async () => {
        const { Mask } = await studioModule("mask.js");
        const mask = new Mask({ width: 1, height: 1 }, 7);
        for (let k = 0; k < 40; k++) mask.fill(k);
        mask.begin();
        mask.giveUp();
        while (mask.past.length) mask.undo();
        return mask.values[0];
    }"""
    assert visit.page.evaluate(steps) == 7


def keep_all_the_same(visit: Visit) -> None:
    """A browser may close a dialog whatever the page says: then nothing is thrown away."""
    visit.at("#brush-dialog").evaluate("dialog => dialog.close()")
    expect(visit.at("#where .painted")).to_have_count(1)


def read_as_the_service_does(visit: Visit) -> None:
    """A mask that is drawn in the alpha channel is changed as what it is, not as white."""
    alpha = np.zeros((61, 96, 4), np.uint8)
    alpha[..., :3] = 255
    alpha[:, :40, 3] = 255
    values = visit.page.evaluate(
        """async (bytes) => {
            const { Mask } = await studioModule("mask.js");
            const mask = new Mask({ width: 96, height: 61 });
            await mask.read(new Blob([new Uint8Array(bytes)]));
            return [...mask.values];
        }""",
        list(png(alpha)),
    )
    assert np.array_equal(np.reshape(values, (61, 96)), alpha[..., 3])


def tinted_so_that_it_is_seen(visit: Visit) -> None:
    colours = visit.page.evaluate(
        """async (files) => {
            const { tintsFor } = await studioModule("tint.js");
            return Promise.all(files.map((bytes) => tintsFor(new Blob([new Uint8Array(bytes)]))));
        }""",
        [list(png(np.full((20, 20, 3), colour, np.uint8))) for colour in ((40, 120, 225), (225, 60, 40))],
    )
    assert colours[0][0] != [30, 130, 235]
    assert [235, 70, 30] not in colours[1][:3]
