"""The contact sheet: every picture in its cell, its label beneath and nowhere else."""

from __future__ import annotations

import io
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from service.pictures.images import Picture
from service.pictures.sheet import CELL, FONT, GAP, LINES, Cell, contact_sheet

COLOURS = [(255, 0, 0), (0, 160, 0), (0, 0, 255), (230, 200, 0), (200, 0, 200), (0, 180, 180)]


def plain(width: int, height: int, colour: tuple[int, int, int] = (255, 0, 0)) -> Picture:
    return np.full((height, width, 3), colour, np.uint8)


def cell(label: str, width: int = 400, height: int = 200, colour: tuple[int, int, int] = (255, 0, 0)) -> Cell:
    return label, lambda: plain(width, height, colour)


def sheet(*cells: Cell) -> np.ndarray:
    """Its pixels; the file is a JPEG."""
    image = Image.open(io.BytesIO(contact_sheet(cells)))
    assert (image.format, image.mode) == ("JPEG", "RGB")
    return np.asarray(image).astype(int)


def at(page: np.ndarray, column: int, row: int, rows: int) -> np.ndarray:
    """The middle of a picture of 320 x 160 in the grid."""
    height = (page.shape[0] - GAP) // rows
    middle: np.ndarray = page[GAP + row * height + 80, GAP + column * (CELL + GAP) + 160]
    return middle


def inked(page: np.ndarray) -> np.ndarray:
    """Return where something dark and grey is."""
    ink: np.ndarray = (page.max(axis=2) < 160) & (np.ptp(page, axis=2) < 40)
    return ink


@pytest.mark.parametrize(("count", "columns", "rows"), [
    (1, 1, 1), (2, 2, 1), (6, 6, 1), (7, 3, 3), (9, 3, 3), (10, 4, 3), (12, 4, 3), (16, 4, 4), (17, 5, 4),
])  # fmt: skip
def test_up_to_six_are_one_row_and_more_are_as_square_as_goes(count: int, columns: int, rows: int) -> None:
    """A content image and sixteen variants are the most."""
    page = sheet(*(cell(f"picture {k}", colour=COLOURS[k % 6]) for k in range(count)))
    assert page.shape[1] == GAP + columns * (CELL + GAP)
    for k in range(columns * rows):
        expected = COLOURS[k % 6] if k < count else (255, 255, 255)
        np.testing.assert_allclose(at(page, k % columns, k // columns, rows), expected, atol=12, err_msg=str(k))


def test_one_picture_is_a_sheet_too() -> None:
    page = sheet(cell("alone"))
    assert page.shape[1] == CELL + 2 * GAP
    np.testing.assert_allclose(page[GAP + 10 : GAP + 150, GAP + 10 : GAP + 310], [[(255, 0, 0)] * 300] * 140, atol=12)
    assert inked(page)[GAP + 160 :].any()
    assert not inked(page)[: GAP + 160].any()


def test_each_label_is_beneath_its_picture() -> None:
    page = sheet(cell("one"), cell(""), cell("three"))
    labels = inked(page)[GAP + 160 :]
    found = [labels[:, GAP + k * (CELL + GAP) :][:, : CELL + GAP].any() for k in range(3)]
    assert found == [True, False, True]


def test_pictures_of_any_shape_and_size_fit_their_cells() -> None:
    """Their long edges are of one length; a flat one's label follows it at once."""
    page = sheet(cell("upright", 30, 60), cell("flat", 4000, 1000, (0, 0, 255)))
    assert page.shape[1] == GAP + 2 * (CELL + GAP)
    assert page.shape[0] > 2 * GAP + CELL
    red, blue = (np.abs(page - colour).sum(axis=2) < 40 for colour in (COLOURS[0], COLOURS[2]))
    assert [int(x) for x in (red.any(axis=0).sum(), red.any(axis=1).sum())] == pytest.approx([160, 320], abs=2)
    assert [int(x) for x in (blue.any(axis=0).sum(), blue.any(axis=1).sum())] == pytest.approx([320, 80], abs=2)
    assert inked(page)[GAP + 80 : GAP + 120, GAP + CELL + GAP :].any()


def lines_of(label: str) -> int:
    """Return how many lines of text there are under a picture."""
    text = np.any(inked(sheet(cell(label)))[GAP + 162 :], axis=1)
    tops = [a for a, (before, now) in enumerate(pairwise([False, *text])) if now and not before]
    return len([a for a, b in pairwise([-FONT, *tops]) if b - a > FONT * 0.8])


@pytest.mark.parametrize(("words", "lines"), [(1, 1), (4, 1), (8, 2), (60, LINES)])
def test_a_long_label_is_broken_into_three_lines_at_most(words: int, lines: int) -> None:
    assert lines_of(" ".join(["mmmm"] * words)) == lines


def test_a_label_stays_in_its_column() -> None:
    """A label that is too long is cut short, with an ellipsis."""
    page = sheet(cell("mmmm " * 100), cell(""))
    assert not inked(page)[:, GAP + CELL + GAP :].any()


@pytest.mark.parametrize("place", ["left", "right"])
def test_a_word_too_long_for_a_line_stays_in_its_column(place: str) -> None:
    """A preset's name may have 63 characters without a space."""
    long, none = cell("w" * 63), cell("")
    labels = inked(sheet(*((long, none) if place == "left" else (none, long))))[GAP + 160 :]
    columns = np.any(labels, axis=0).nonzero()[0]
    first = GAP if place == "left" else GAP + CELL + GAP
    assert first <= columns.min()
    assert columns.max() < first + CELL


def test_all_of_a_label_is_on_the_page() -> None:
    """That holds for the third line beneath the tallest picture of the last row too."""
    page = sheet(*(cell("gyqp " * 60, 300, 300) for _ in range(7)))
    assert not inked(page)[-2:].any()
    assert inked(page)[-GAP - 12 : -2].any()


def test_no_picture_is_read_before_its_turn_and_each_once() -> None:
    def read(k: int) -> Picture:
        reads.append(k)
        return plain(40, 30)

    reads: list[int] = []
    contact_sheet([(str(k), partial(read, k)) for k in range(4)])
    assert reads == [0, 1, 2, 3]
