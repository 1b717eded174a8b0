"""The whole way at the studio, in a real browser: from two files to a picture, and all that can be done with it."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from front_door import RunningService, png
from PIL import Image
from playwright.sync_api import expect
from studio.visiting import Visit, file

pytestmark = pytest.mark.slow

QUICK = {"size": "96", "iterations": "6"}
CLEAR = """() => new Promise((resolve) => {
    const request = indexedDB.deleteDatabase("studio");  // as a browser does that needs room
    request.onsuccess = request.onblocked = ({ type }) => resolve(type);
})"""
LANGUAGES = {
    "curl": ("bash", "-euc"),
    "python": (sys.executable, "-c"),
    "javascript": ("node", "--input-type=module", "-e"),
}
"""The languages of code that the page shows, and the programs that run it."""


@pytest.fixture(scope="module")
def presets(service: RunningService, photo: np.ndarray, texture: np.ndarray) -> tuple[str, str]:
    """Two presets; the first has two pictures."""
    service.put_style("studio-pair", png(texture[:96, :96]), png(texture[-96:, -96:])).raise_for_status()
    service.put_style("studio-one", png(photo[:96, :96])).raise_for_status()
    return "studio-pair", "studio-one"


@pytest.fixture
def pictures(tmp_path: Path, photo_png: bytes, texture_png: bytes) -> tuple[Path, Path]:
    """Two files on the person's disk, whose names are not made for a shell."""
    content, style = tmp_path / 'my cat\'s "best", really.png', tmp_path / "Stoff; früh.png"
    content.write_bytes(photo_png)
    style.write_bytes(texture_png)
    return content, style


def test_from_two_files_to_a_picture_that_is_downloaded_and_compared(
    visit: Visit, pictures: tuple[Path, Path]
) -> None:
    content, style = pictures
    visit.choose_content(content)
    visit.add_styles(style)
    visit.set(**QUICK)
    id = visit.paint()
    visit.done()
    with visit.page.expect_download() as download:
        visit.at("#download").click()
    delivered = visit.service.get(f"/v1/transfers/{id}/image").content
    assert Path(download.value.path()).read_bytes() == delivered
    assert download.value.suggested_filename.endswith(".png")
    with Image.open(io.BytesIO(delivered)) as image:
        assert max(image.size) == 96
    expect(visit.at("#strip")).to_be_hidden()  # there is one picture
    shares = []
    for value in ("0", "70"):
        visit.at("#compare").fill(value)
        expect(visit.at("#compare")).to_have_attribute(
            "aria-valuetext", f"{value} % photograph, {100 - int(value)} % painting"
        )
        shares.append(visit.at("#before").evaluate("image => getComputedStyle(image).clipPath"))
    assert shares == ["inset(0px 100% 0px 0px)", "inset(0px 30% 0px 0px)"]


def test_a_mix_of_presets_and_a_picture_is_sent_as_the_sliders_say(
    visit: Visit, presets: tuple[str, str], pictures: tuple[Path, Path]
) -> None:
    visit.choose_content(pictures[0])
    for preset in presets:
        visit.at(f'[data-preset="{preset}"]').click()
    visit.add_styles(pictures[1])
    for row, weight in enumerate(("0.5", "0.25", "0.25")):
        visit.at(f"#mix li:nth-child({row + 1}) [data-field=weight]").fill(weight)
    visit.at("#mix li:nth-child(3) [data-field=scale]").fill("-1")
    expect(visit.at("#mix output").first).to_have_text("50 %")
    visit.at("[name=dial][value=weights]").check(force=True)
    visit.at("#content_weight").fill("-1")
    visit.at("[name=color][value=match]").check(force=True)
    visit.set(**QUICK)
    options = visit.service.job(visit.paint())["options"]
    visit.done()
    named = [(style.get("preset"), style["weight"], style["scale"]) for style in options["styles"]]
    assert named == [("studio-pair", 0.5, 1.0), ("studio-one", 0.25, 1.0), (None, 0.25, 0.5)]
    assert (options["content_weight"], options["style_weight"], options["strength"]) == (0.1, 1.0, None)
    assert (options["color"], options["size"], options["iterations"]) == ("match", 96, 6)


def test_a_mix_is_saved_as_a_preset_with_the_pictures_of_its_presets(
    visit: Visit, presets: tuple[str, str], pictures: tuple[Path, Path], texture_png: bytes
) -> None:
    visit.at(f'[data-preset="{presets[0]}"]').click()
    visit.add_styles(pictures[1])
    visit.at("#mix li:nth-child(1) [data-field=weight]").fill("0.5")
    visit.at("#save-mix").click()
    visit.at("#preset-name").fill("Not A Name")
    visit.at("#preset-save").click()
    visit.expected.append("422")
    expect(visit.at("#preset-form [data-loc=name] .problem")).to_contain_text("“not-a-name” would")
    expect(visit.at("#preset-name")).to_have_value("not-a-name")
    visit.at("#preset-name").fill("studio-mix")
    visit.at("#preset-save").click()
    expect(visit.at('[data-preset="studio-mix"]')).to_have_attribute("aria-pressed", "true")
    saved = visit.service.get("/v1/styles/studio-mix").json()
    pair = visit.service.get(f"/v1/styles/{presets[0]}").json()
    assert [image["weight"] for image in saved["images"]] == [0.25, 0.25, 0.5]
    assert [image["sha256"] for image in saved["images"][:2]] == [image["sha256"] for image in pair["images"]]
    named = [image["name"] for image in saved["images"]]
    assert named == ["studio-pair-1.png", "studio-pair-2.png", "Stoff; früh.png"]
    assert visit.service.get("/v1/styles/studio-mix/images/2").content == texture_png
    visit.service.get("/v1/styles/studio-mix").raise_for_status()


def test_with_the_keyboard_alone(visit: Visit, presets: tuple[str, str], pictures: tuple[Path, Path]) -> None:
    keyboard = visit.page.keyboard
    visit.set(**QUICK)
    visit.at("#theme-button").focus()
    with visit.page.expect_file_chooser() as chooser:
        tab_to(visit, "choose-content")
        keyboard.press("Enter")
    chooser.value.set_files(pictures[0])
    visit.at("#draft-caption").wait_for()
    expect(visit.at("#stage")).to_be_focused()
    tab_to(visit, "", f'[data-preset="{presets[1]}"]')
    keyboard.press("Space")
    tab_to(visit, "strength")
    keyboard.press("ArrowRight")
    expect(visit.at("#strength-shown")).to_have_text("51 %")
    tab_to(visit, "paint")
    keyboard.press("Enter")
    visit.done()
    assert visit.service.job(visit.shown())["options"]["strength"] == 0.51
    visit.at("#theme-button").focus()
    tab_to(visit, "compare")
    keyboard.press("Home")
    expect(visit.at("#compare")).to_have_attribute("aria-valuetext", "0 % photograph, 100 % painting")
    tab_to(visit, "delete")
    keyboard.press("Enter")
    expect(visit.at("#delete-dialog")).to_be_visible()
    keyboard.press("Escape")
    expect(visit.at("#delete-dialog")).to_be_hidden()
    expect(visit.at("#delete")).to_be_focused()


def tab_to(visit: Visit, id: str, selector: str = "") -> None:
    """Press Tab until the focus is there."""
    for _ in range(80):
        if visit.page.evaluate("s => document.activeElement.matches(s)", selector or f"#{id}"):
            return
        visit.page.keyboard.press("Tab")
    pytest.fail(f"Tab never comes to {id or selector}")


def test_draft_and_gallery_survive_a_reload_and_a_picture_can_be_made_again_and_deleted(
    visit: Visit, presets: tuple[str, str], pictures: tuple[Path, Path]
) -> None:
    visit.choose_content(pictures[0])
    visit.at(f'[data-preset="{presets[1]}"]').click()
    visit.add_styles(pictures[1])
    assert visit.page.evaluate(CLEAR) == "success"
    visit.at("#strength").fill("0.3")
    visit.at("html[data-draft=saved]").wait_for()
    another_tab_has_a_draft_of_its_own(visit, pictures[0].name)
    visit.reload()
    expect(visit.at("#content-name")).to_have_text(pictures[0].name)
    expect(visit.at("#mix strong")).to_have_text([presets[1], pictures[1].name])
    expect(visit.at("#strength-shown")).to_have_text("30 %")
    visit.set(**QUICK)
    id = visit.paint()
    visit.done()
    visit.open()
    visit.at("#remove-content").click()
    for _ in range(2):
        visit.at("#mix li button").first.click()
    visit.reload()
    visit.at(f'#wall a[href="#/{id}"]').click()
    visit.done()
    visit.at("#again").click()
    visit.at("#draft-caption").wait_for()
    again = visit.paint()
    visit.done()
    first, second = (visit.service.job(one)["options"] for one in (id, again))
    assert first == second
    visit.at("#delete").click()
    visit.at("#delete-yes").click()
    expect(visit.at(f'#wall a[href="#/{again}"]')).to_have_count(0)
    assert visit.service.get(f"/v1/transfers/{again}").status_code == 404
    expect(visit.at(f'#wall a[href="#/{id}"]')).to_be_visible()


def another_tab_has_a_draft_of_its_own(visit: Visit, photograph: str) -> None:
    """It begins with the newest one."""
    tab = Visit(visit.page.context.new_page(), visit.service)
    tab.open()
    expect(tab.at("#content-name")).to_have_text(photograph)
    tab.at("#remove-content").click()
    tab.at("html[data-draft=saved]").wait_for()
    tab.page.close()


def test_the_request_as_code_is_copied_and_runs(
    visit: Visit, presets: tuple[str, str], pictures: tuple[Path, Path], tmp_path: Path
) -> None:
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.choose_content(pictures[0])
    visit.at(f'[data-preset="{presets[1]}"]').click()
    visit.add_styles(pictures[1])
    visit.set(**QUICK)
    visit.at("#format").select_option("webp")
    visit.at("#copy-code").click()
    for language, command in LANGUAGES.items():
        if shutil.which(command[0]) is None:
            continue
        visit.at(f"[name=language][value={language}]").check(force=True)
        runs([*command], visit.at("#code").inner_text(), tmp_path)
    visit.at("#copy").click()
    expect(visit.at("#code-note")).to_have_text("Copied.")
    assert visit.page.evaluate("navigator.clipboard.readText()") == visit.at("#code").text_content()


def runs(command: list[str], code: str, folder: Path) -> None:
    """Code says why it is refused, and saves the picture where it is not. It names files of the folder."""

    def run(code: str) -> subprocess.CompletedProcess[str]:
        line = [*command, code]
        return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=120, check=False)

    refused = run(re.sub(r'(size\\*":)96', r"\g<1>7", code))
    assert refused.returncode != 0
    assert "urn:nst:problem:invalid-input" in refused.stderr
    assert not (folder / "painting.webp").exists()
    done = run(code)
    assert done.returncode == 0, done.stderr
    with Image.open(folder / "painting.webp") as image:
        assert (image.format, max(image.size)) == ("WEBP", 96)
    (folder / "painting.webp").unlink()


def test_the_theme_is_remembered_and_pictures_can_be_dropped(visit: Visit, texture: np.ndarray) -> None:
    visit.page.emulate_media(color_scheme="light")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = visit.page.evaluate(colour)
    visit.at("#theme-button").click()
    dark = visit.page.evaluate(colour)
    visit.reload()
    assert visit.page.evaluate(colour) == dark != light
    expect(visit.at("#theme-button")).to_have_attribute("aria-pressed", "true")
    drop = """async ([selector, bytes, name]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
        document.querySelector(selector).dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
    }"""
    small = list(png(texture[:64, :64]))
    visit.page.evaluate(drop, ["#canvas", small, "dropped.png"])
    expect(visit.at("#content-name")).to_have_text("dropped.png")
    visit.page.evaluate(drop, ["#shelf", small, "style.png"])
    expect(visit.at("#mix strong")).to_have_text("style.png")


def test_a_picture_that_is_not_there_any_more_and_those_that_are(coming: Visit, photo_png: bytes) -> None:
    visit = coming
    while len(visit.service.get("/v1/transfers").json()["items"]) < 14:
        visit.service.transfer(photo_png, {"preset": "studio-one"}, size=32, iterations=0)
    visit.expected.append("404")
    visit.arrive("/#/0123456789")
    expect(visit.at("#lost-words")).to_contain_text("not there any more")
    visit.choose_content(file("notes.png", b"no picture"))
    expect(visit.at("#invite .problem")).to_contain_text("notes.png")
    visit.at("#more").click()
    expect(visit.at("#wall li").nth(13)).to_be_visible()
