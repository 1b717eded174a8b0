"""What a job's row says of its request: the way there and back, and rows of the version before."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from service.errors import InvalidInput
from service.jobs.request import Painting, StoredStyle, TransferRequest, blobs
from service.options import TransferOptions
from service.pictures.style_image import StyleImage
from service.storage.stored_files import StoredFile, StoredImage


def image(name: str) -> StoredImage:
    return StoredImage(f"jobs/1/{name}", f"sha of {name}", 60, 40)


def style_image(name: str, weight: float = 1.0, scale: float = 1.0) -> StyleImage[StoredImage]:
    return StyleImage(StoredImage(f"styles/{name}", f"sha of {name}", 60, 40), weight, scale)


PLAIN = StoredStyle(None, 1.0, 1.0, (style_image("a"),))
PACKED = StoredStyle("waves", 0.5, 2.0, (style_image("told"),), pack=StoredFile("styles/pack", "p"), mask=image("m"))
MASKED = StoredStyle(None, 1.0, 0.5, (replace(style_image("b"), mask=image("over b")),), mask=image("n"))
FULL = Painting(
    (PLAIN, PACKED, MASKED),
    TransferOptions.of(strength=0.7, iterations=7, style_layers={"relu1_1": 1.0}, init="image"),
    initial_image=image("first"),
    protect=image("protect"),
    strength_map=image("strength"),
    label="strength 0.7",
)
OLD: dict[str, Any] = {  # as the version before wrote it
    "content": {"blob": "jobs/1/content", "sha256": "c", "width": 60, "height": 40},
    "styles": [
        {"preset": "waves", "weight": 1.0, "scale": 2.0, "images": [
            {"blob": "styles/1/0", "sha256": "s", "width": 60, "height": 40, "weight": 3.0, "scale": 0.5},
        ]},
    ],
    "options": {"size": 256, "content_weight": 0.25, "style_weight": 1.0, "iterations": 12, "init": "image"},
    "first": {"blob": "jobs/1/first", "sha256": "f", "width": 60, "height": 40},
}  # fmt: skip


def as_row(request: TransferRequest) -> dict[str, Any]:
    """Return a request as the database gives it back."""
    row: dict[str, Any] = json.loads(json.dumps(request.to_json()))
    return row


@pytest.mark.parametrize("request_", [
    TransferRequest(image("content"), Painting((PLAIN,), TransferOptions())),
    TransferRequest(image("content"), FULL),
    TransferRequest(image("content"), Painting((PLAIN,), TransferOptions()), (FULL, FULL)),
], ids=["plain", "full", "variants"])  # fmt: skip
def test_a_request_survives_the_way_to_its_row_and_back(request_: TransferRequest) -> None:
    assert TransferRequest.from_json(as_row(request_)) == request_


def test_a_row_of_the_version_before_is_read() -> None:
    found = TransferRequest.from_json(OLD)
    assert found.paintings == (found.base,)
    assert (found.content.sha256, found.size) == ("c", 256)
    (style,) = found.base.styles
    assert (style.preset, style.pack, style.mask, style.style_mask) == ("waves", None, None, None)
    assert style.images == (StyleImage(StoredImage("styles/1/0", "s", 60, 40), 3.0, 0.5),)
    assert found.base.initial_image == StoredImage("jobs/1/first", "f", 60, 40)
    assert (found.base.protect, found.base.strength_map, found.base.label) == (None, None, "")
    assert found.base.options == TransferOptions(size=256, content_weight=0.25, iterations=12, init="image")


def test_what_is_painted_are_the_variants_or_else_the_transfer_itself() -> None:
    base, other = (
        Painting((PLAIN,), TransferOptions(iterations=100)),
        Painting((MASKED,), TransferOptions(iterations=7)),
    )
    assert TransferRequest(image("c"), base).paintings == (base,)
    several = TransferRequest(image("c"), base, (other, FULL))
    assert several.paintings == (other, FULL)
    assert several.size == 512
    assert TransferRequest(image("c"), base).iterations == 100
    assert several.iterations == 14
    assert [one.label for one in several.paintings] == ["", "strength 0.7"]


def test_a_row_that_lacks_everything_is_read_with_defaults() -> None:
    """It can't be painted, but listed and ended."""
    rows: list[dict[str, Any]] = [{}, {"options": {}}, {"options": {"iterations": None}, "variants": None}]
    for row in rows:
        found = TransferRequest.from_json(row)
        assert found.base == Painting((), TransferOptions())
        assert found.content == StoredImage()


def test_options_of_another_version_are_kept_as_they_are_and_refused_before_they_are_painted() -> None:
    later = TransferRequest.from_json({"options": {"size": 8000, "glitter": 1}})
    assert later.size == 8000
    assert later.to_json()["options"]["glitter"] == 1
    with pytest.raises(InvalidInput, match="glitter"):
        later.check_options()
    with pytest.raises(InvalidInput, match="size"):
        TransferRequest.from_json({"options": {"size": 8000}}).check_options()
    TransferRequest.from_json(OLD).check_options()


def test_all_files_that_a_row_refers_to_are_found() -> None:
    row = as_row(TransferRequest(image("content"), Painting((PLAIN,), TransferOptions()), (FULL,)))
    names = ("content", "m", "n", "over b", "first", "protect", "strength")
    assert set(blobs(row)) == {f"jobs/1/{name}" for name in names} | {
        "styles/a", "styles/b", "styles/pack", "styles/told",
    }  # fmt: skip
    assert set(blobs(OLD)) == {"jobs/1/content", "jobs/1/first", "styles/1/0"}
    assert list(blobs({"style": {"images": []}, "sizes": [64]})) == list(blobs(None)) == []


def test_the_images_that_count_have_the_size_of_both_scales() -> None:
    images = (style_image("a", 1.0, 0.5), style_image("b", 0.0, 4.0), style_image("c", 1e-6, 3.0))
    assert StoredStyle("x", 0.1, 2.0, images).sized() == [(images[0], 1.0), (images[2], 6.0)]
    assert StoredStyle("x", 0.0, 2.0, images).sized() == []
    assert PACKED.sized() == []
