"""What is no pack, or one that can't be used, is refused with the reason."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save
from styles.pack_files import IMAGES, changed, gram, jpeg, refusal, some_pack

from service.painters.packed import parted
from service.styles.packs import Pack, UnusablePack

NO_JSON = "not a pack: the 'preset' in its metadata is no JSON"
NO_VERSION = "it doesn't say which version of a pack it is"
EXPECTED = "a pack is the safetensors file that GET /v1/styles/{name}/pack gives"


def broken() -> dict[str, tuple[bytes, str]]:
    """What a file may be -> its bytes, and how its refusal begins."""
    whole = some_pack().to_bytes()
    header = int.from_bytes(whole[:8], "little")
    tensors = len(whole) - 8 - header
    plain = {"32/relu1_1": gram(), "thumbnail": np.frombuffer(jpeg(), np.uint8)}
    return {
        "empty": (b"", f"it is empty; {EXPECTED}"),
        "a text": (b"This is no pack, it is a text. " * 10, f"it is no safetensors file; {EXPECTED}"),
        "a JPEG": (jpeg(), f"it is a JPEG file; {EXPECTED}"),
        "a ZIP": (b"PK\x03\x04" + bytes(99), f"it is a ZIP file; {EXPECTED}"),
        "a pack in gzip": (gzip.compress(whole), f"it is a gzip file; {EXPECTED}"),
        "noise": (np.random.default_rng(0).bytes(len(whole)), f"it is no safetensors file; {EXPECTED}"),
        "without its last byte": (whole[:-1], f"not a pack: it is cut off: its tensors have {tensors - 1:,} of"),
        "without its tensors": (whole[: 8 + header], f"not a pack: it is cut off: its tensors have 0 of {tensors:,}"),
        "without the end of its header": (whole[:40], "not a pack: it is cut off within its header"),
        "with something behind it": (whole + b"more", "not a pack: there are 4 bytes behind its end"),
        "with a huge header size": (b"\xff" * 8 + whole[8:], "not a pack: its header has 18,446,744,073,709,551,615"),
        "with a broken header": (whole[:9] + b"{" + whole[10:], "not a pack: its header is no JSON object"),
        "without metadata": (
            save(plain),
            "not a pack: it is a safetensors file of another kind: its metadata has no",
        ),
        "of another kind": (save(plain, {"format": "pt"}), "not a pack: it is a safetensors file of another kind"),
        "with a preset that is no JSON": (save(plain, {"preset": "{"}), NO_JSON),
        "with a preset without end": (save(plain, {"preset": "[" * 100_000}), NO_JSON),
    }


@pytest.mark.parametrize(("data", "beginning"), broken().values(), ids=broken())
def test_what_is_no_pack_is_refused(data: bytes, beginning: str) -> None:
    assert refusal(data).startswith(beginning)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "-1", "1.0", "true", "null", '"1"', "[1]", "1" * 4000])
@pytest.mark.parametrize("place", ["shape", "data_offsets"])
@pytest.mark.parametrize("name", ["32/relu1_1", "thumbnail", "painter/head.bias"])
def test_a_shape_and_offsets_are_whole_numbers(name: str, place: str, number: str) -> None:
    entry = {"dtype": '"F32"', "shape": "[1, 1]", "data_offsets": "[0, 4]"} | {place: f"[{number}, {number}]"}
    fields = ", ".join(f'"{key}": {value}' for key, value in entry.items())
    header = f'{{"__metadata__": {{"preset": "{{}}"}}, "{name}": {{{fields}}}}}'.encode()
    data = len(header).to_bytes(8, "little") + header + bytes(4)
    with pytest.raises(UnusablePack):
        Pack.from_bytes(parted(data)[0])


def test_a_whole_float_is_an_integer() -> None:
    (image,) = Pack.from_bytes(changed(images=[IMAGES[0] | {"width": 80.0, "height": 60.0}])).images
    assert image == IMAGES[0]
    assert isinstance(image["width"], int)


@pytest.mark.parametrize("preset", ["[]", "null", '"text"', "7", "{}"])
def test_a_preset_that_is_no_object_is_refused(preset: str) -> None:
    plain = {"32/relu1_1": gram(), "thumbnail": np.frombuffer(jpeg(), np.uint8)}
    assert refusal(save(plain, {"preset": preset})) == NO_VERSION


@pytest.mark.parametrize("version", [None, "1", [1], 1.5, True, {}])
def test_one_without_a_version_is_refused(version: Any) -> None:
    assert refusal(changed(version=version)) == NO_VERSION


@pytest.mark.parametrize("version", [0, 2, 2.0, 10**400])
def test_another_version_is_refused(version: float) -> None:
    assert refusal(changed(version=version)).endswith(
        f"of version {int(version)}, where this service reads version 1"
    )


@pytest.mark.parametrize("name", ["model", "description"])
@pytest.mark.parametrize("value", [None, 7, ["a"], "a\0b", "x" * 2001])
def test_a_text_that_is_missing_or_none_is_refused(name: str, value: Any) -> None:
    assert f"its {name} is not a text" in refusal(changed(**{name: value}))


@pytest.mark.parametrize("name", ["model", "description"])
def test_a_text_that_is_no_unicode_is_refused(name: str) -> None:
    text: dict[str, Any] = {name: "\ud800"}
    assert name in refusal(changed(**text))


def test_the_longest_texts_are_taken() -> None:
    found = Pack.from_bytes(changed(model="m" * 64, description="d" * 2000))
    assert (len(found.model), len(found.description)) == (64, 2000)
    assert "at most 64" in refusal(changed(model="m" * 65))


@pytest.mark.parametrize("value", [None, [], {}, "text", 5])
def test_a_pack_that_says_nothing_of_its_images_is_refused(value: Any) -> None:
    assert refusal(changed(images=value)) == "it must say something of 1 to 16 images"


@pytest.mark.parametrize("image", [
    "text", None, {}, IMAGES[0] | {"blob": "jobs/of/others"},
    {name: value for name, value in IMAGES[0].items() if name != "scale"},
])  # fmt: skip
def test_an_image_with_other_facts_is_refused(image: Any) -> None:
    assert "each of its images must have" in refusal(changed(images=[*IMAGES, image]))


@pytest.mark.parametrize("fact", [
    {"sha256": 5}, {"width": 8.5}, {"width": "80"}, {"height": None}, {"weight": "1"}, {"scale": [1]},
])  # fmt: skip
def test_a_fact_of_the_wrong_kind_is_refused(fact: dict[str, Any]) -> None:
    assert "wrong kind" in refusal(changed(images=[IMAGES[0] | fact]))


@pytest.mark.parametrize("fact", [
    {"weight": float("nan")}, {"scale": float("inf")}, {"weight": True}, {"width": False}, {"width": 10**400},
    {"sha256": "\ud800"}, {"sha256": "a\0b"},
])  # fmt: skip
def test_a_fact_that_could_not_be_told_again_is_refused(fact: dict[str, Any]) -> None:
    """The row of the preset holds it as JSON, and answers do."""
    refusal(changed(images=[IMAGES[0] | fact]))


@pytest.mark.parametrize("thumbnail", [
    None, np.zeros((4, 4), np.uint8), np.zeros(100, np.float32), np.zeros(0, np.uint8), np.zeros(100, np.uint8),
    np.frombuffer(jpeg()[:-200], np.uint8), np.frombuffer(jpeg(4, 4), np.uint8),
], ids=["none", "square", "float32", "empty", "black", "truncated", "small"])  # fmt: skip
def test_a_pack_without_a_thumbnail_is_refused(thumbnail: np.ndarray | None) -> None:
    tensors = {} if thumbnail is None else {"thumbnail": thumbnail}
    assert "thumbnail" in refusal(changed(tensors, without="thumbnail"))


def with_entry(value: float) -> np.ndarray:
    matrix = gram()
    matrix[2, 1] = matrix[1, 2] = value
    return matrix


def asymmetric() -> np.ndarray:
    matrix = gram()
    matrix[0, 1] *= 1.001
    return matrix


@pytest.mark.parametrize(("matrix", "why"), [
    (gram()[:3], "not a square float32 matrix"),
    (gram().reshape(1, 4, 4), "not a square float32 matrix"),
    (gram().reshape(16), "not a square float32 matrix"),
    (np.zeros((0, 0), np.float32), "not a square float32 matrix"),
    (gram().astype(np.float64), "not a square float32 matrix: float64"),
    (gram().astype(np.float16), "not a square float32 matrix: float16"),
    (np.eye(4, dtype=np.int32), "not a square float32 matrix"),
    (with_entry(np.nan), "isn't finite"),
    (with_entry(np.inf), "isn't finite"),
    (1e13 * np.eye(4, dtype=np.float32), "has entries of 1e+13, where 1e+12 is the most"),
    (3e38 * np.eye(4, dtype=np.float32), "has entries of 3e+38"),
    (asymmetric(), "not symmetric"),
    (-gram(), "not positive semidefinite"),
    (with_entry(100.0), "not positive semidefinite"),
    (np.eye(65, dtype=np.float32), "has 65 channels, where VGG19 has 64"),
], ids=["half", "stacked", "flat", "empty", "float64", "float16", "whole numbers", "nan", "infinite", "large",
        "largest", "asymmetric",
        "negative", "indefinite", "too many channels"])  # fmt: skip
def test_what_is_no_gram_matrix_is_refused_by_its_name(matrix: np.ndarray, why: str) -> None:
    message = refusal(changed({"64/relu1_1": np.ascontiguousarray(matrix)}))
    assert message.startswith("64/relu1_1 ")
    assert why in message


@pytest.mark.parametrize("name", [
    "relu1_1", "/relu1_1", "0/relu1_1", "-64/relu1_1", "6.5/relu1_1", "٦٤/relu1_1", "64/relu9_9", "64/conv1_1",
    "64/RELU1_1", "64/", "64/relu1_1/x", "64 /relu1_1", "x",
])  # fmt: skip
def test_a_name_that_is_no_size_and_layer_is_refused(name: str) -> None:
    assert refusal(changed({name: gram()})) == f"it holds {name!r}, which is no <size>/<layer>"


@pytest.mark.parametrize("digits", [400, 5000])
def test_a_size_that_no_picture_could_have_is_refused(digits: int) -> None:
    tensors = {f"1{'0' * digits}/{layer}": gram() for layer in ("relu1_1", "relu3_1", "relu5_1")}
    refusal(changed(tensors))


@pytest.mark.parametrize("change", [
    lambda: changed({"64/relu2_1": gram()}),
    lambda: changed({"256/relu1_1": gram()}),
    lambda: changed(without="64/relu5_1"),
    lambda: some_pack(ladder={}).to_bytes(),
], ids=["one more", "another size", "one less", "none at all"])  # fmt: skip
def test_sizes_with_different_layers_are_refused(change: Callable[[], bytes]) -> None:
    assert refusal(change()) == "it must have 1 to 64 sizes, all with the same layers"


def test_more_than_a_preset_could_have_is_refused() -> None:
    assert Pack.from_bytes(changed(images=IMAGES * 16)).images == IMAGES * 16
    assert refusal(changed(images=IMAGES * 17)) == "it must say something of 1 to 16 images"
    ladder = {size: {"relu1_1": gram()} for size in range(1, 66)}
    assert "1 to 64 sizes" in refusal(some_pack(ladder=ladder).to_bytes())


@pytest.mark.parametrize("sha256", ["5" * 63, "5" * 65, "G" * 64, "A" * 64, "5" * 64 + "\n", ""])
def test_a_digest_that_is_none_is_refused(sha256: str) -> None:
    assert "wrong kind" in refusal(changed(images=[IMAGES[0] | {"sha256": sha256}]))


def test_the_heaviest_image_a_preset_can_have_is_taken() -> None:
    heavy = [IMAGES[0] | {"weight": 1e6}]
    assert Pack.from_bytes(some_pack(images=heavy).to_bytes()).images == heavy


def test_a_pack_of_many_tensors_is_refused_by_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.network.checked_tensors.load", lambda data: pytest.fail("the tensors were read"))
    one = np.ones((1, 1), np.float32)
    many = save({f"{size}/relu1_{layer}": one for size in range(1, 2000) for layer in (1, 2)}, {"preset": "{}"})
    assert "it holds 3998 tensors" in refusal(many)
    sizes = save({f"{size}/relu1_1": one for size in range(1, 100)}, {"preset": "{}"})
    assert "1 to 64 sizes" in refusal(sizes)
    padded = (2**21).to_bytes(8, "little") + b"{" + b" " * 2**21 + b"}"
    assert "its header has 2,097,152 bytes" in refusal(padded)
