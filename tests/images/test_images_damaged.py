"""Damage that leaves every pixel there is forgiven, as browsers do; of other files it is said what is wrong."""

from __future__ import annotations

import base64
import io
import re
import warnings
from typing import Any

import numpy as np
import picture_damage
import pytest
from picture_damage import Damaged, damaged
from picture_files import encoded
from PIL import Image
from playwright.sync_api import Browser

from service.decoding.reading import decode, upright_size
from service.pictures.images import UnreadableImage

STRICTER = ("png, iCCP twice",)  # files that browsers show and that are refused because of what they may cost
ASK = """
async (files) => {
  const shown = {};
  for (const [name, base64] of Object.entries(files)) {
    const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
    try {
      const picture = await createImageBitmap(new Blob([bytes]));
      const canvas = new OffscreenCanvas(picture.width, picture.height).getContext("2d", {willReadFrequently: true});
      canvas.fillStyle = "white";
      canvas.fillRect(0, 0, picture.width, picture.height);
      canvas.drawImage(picture, 0, 0);
      const pixels = canvas.getImageData(0, 0, picture.width, picture.height).data;
      shown[name] = [picture.width, picture.height, new Uint8Array(pixels.buffer).toBase64()];
    } catch { shown[name] = null; }
  }
  return shown;
}
"""


@pytest.fixture(scope="module")
def small(photo: np.ndarray) -> np.ndarray:
    """53 x 75 x 3 uint8: sides that no block and no alignment divides."""
    return np.asarray(Image.fromarray(photo).crop((20, 20, 421, 261)).resize((75, 53)))


def outcome(file: Damaged, whole: np.ndarray) -> str | None:
    """What is wrong with what became of a file, None for nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's about broken metadata
        try:
            upright_size(file.data)  # as at the POST
        except UnreadableImage as error:
            return None if file.why and re.search(file.why, str(error)) else f"{file.name}: {error}"
        try:
            read = decode(file.data)
        except UnreadableImage as error:
            return f"{file.name}: was taken, and can't be read: {error}"
    return f"{file.name}: was read" if file.why else None if np.array_equal(read, whole) else f"{file.name}: differs"


def test_every_row_that_is_there_is_read_and_what_is_missing_is_said(small: np.ndarray) -> None:
    files = damaged(small)
    whole = {file.whole: decode(file.whole) for file in files}
    assert [wrong for file in files if (wrong := outcome(file, whole[file.whole]))] == []


@pytest.mark.parametrize("short", [4, 40, 400])
def test_a_jpeg_says_how_many_rows_it_has(small: np.ndarray, short: int) -> None:
    data = encoded(small, "JPEG", quality=85)[:-short]
    with pytest.raises(UnreadableImage) as refused:
        decode(data)
    told = re.search(r"cut off: (\d+) of its 53 rows are there", str(refused.value))
    assert told, refused.value
    read = np.asarray(Image.open(io.BytesIO(data + b"\xff\xd9")).convert("RGB"))
    whole = decode(encoded(small, "JPEG", quality=85))
    assert np.array_equal(read[: int(told[1])], whole[: int(told[1])])


@pytest.mark.slow
@pytest.mark.parametrize("height", [128, 144, 256, 272])
@pytest.mark.parametrize(
    "settings",
    [
        {"restart_marker_rows": 1},
        {"restart_marker_rows": 2},
        {"restart_marker_blocks": 1},
        {"restart_marker_blocks": 4},
        {"restart_marker_rows": 1, "subsampling": 0},
        {"restart_marker_rows": 1, "progressive": True},
    ],
    ids=str,
)
def test_no_jpeg_that_ends_at_a_restart_marker_is_read(photo: np.ndarray, height: int, settings: Any) -> None:
    """A decoder that waits for a restart marker takes some others for later ones, and leaves the rows before grey."""
    data = encoded(photo[:height, :160], "JPEG", quality=85, **settings)
    why = r"cut off within its last pass" if "progressive" in settings else rf"\d+ of its {height} rows are there"
    for marker in list(re.finditer(rb"\xff[\xd0-\xd7]", data[data.rindex(b"\xff\xda") :]))[-24:]:
        for more in (0, 1, 2, 5):
            with pytest.raises(UnreadableImage, match=why):
                decode(data[: data.rindex(b"\xff\xda") + marker.start() + more])


def test_a_black_picture_has_its_rows(small: np.ndarray) -> None:
    """Rows that a PNG lacks come out black too."""
    black = np.zeros_like(small)
    assert not decode(encoded(black, "PNG")).any()
    half = np.concatenate([small[:20], black[20:]])
    assert np.array_equal(decode(encoded(half, "PNG")), half)


@pytest.mark.slow
def test_what_a_browser_shows_is_read_the_same(browser: Browser, small: np.ndarray) -> None:
    """Chromium's createImageBitmap takes only whole files: what it takes we read, and what we refuse it refuses."""
    profile = picture_damage.SIDE_CHUNKS[b"iCCP"]
    twice = picture_damage.with_chunk(encoded(small, "PNG"), b"iCCP", profile)
    files = [*damaged(small), Damaged(STRICTER[0], picture_damage.with_chunk(twice, b"iCCP", profile), b"", "one")]
    with browser.new_page() as page:
        shown = page.evaluate(ASK, {file.name: base64.b64encode(file.data).decode() for file in files})
    wrong = []
    for file in files:
        if shown[file.name] is None or file.name in STRICTER:
            continue
        width, height, pixels = shown[file.name]
        seen = np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(height, width, 4)[..., :3]
        if file.why or np.abs(seen.astype(int) - decode(file.data)).mean() > 1:
            wrong.append(file.name)
    assert wrong == []
    assert shown[STRICTER[0]] is not None
