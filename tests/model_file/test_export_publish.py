"""The model file is replaced whole, or not at all."""

from pathlib import Path

import pytest

from export.errors import ExportError
from export.publish import check_place, publish

TOO_LONG = "x" * 300  # a name at which the system refuses to look


def accept(path: Path) -> str:
    return path.read_text()


def test_the_file_appears_with_what_the_check_saw(tmp_path: Path) -> None:
    path = tmp_path / "models" / "vgg19.onnx"
    assert publish(b"new", path, accept) == "new"
    assert publish(b"newer", path, accept) == "newer"
    assert path.read_bytes() == b"newer"
    assert list(path.parent.iterdir()) == [path]


def test_the_old_file_stands_while_the_new_one_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "vgg19.onnx"
    path.write_bytes(b"old")
    seen: list[tuple[str, bytes, bytes]] = []
    publish(b"new", path, lambda part: seen.append((part.name, path.read_bytes(), part.read_bytes())))
    ((name, old, new),) = seen
    assert name.startswith("vgg19.onnx.part-")
    assert (old, new) == (b"old", b"new")


@pytest.mark.parametrize("failure", [ExportError("differs"), KeyboardInterrupt()])
def test_a_failed_check_leaves_the_old_file_and_nothing_else(tmp_path: Path, failure: BaseException) -> None:
    path = tmp_path / "vgg19.onnx"
    path.write_bytes(b"old")

    def refuse(part: Path) -> None:
        raise failure

    with pytest.raises(type(failure)):
        publish(b"new", path, refuse)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ExportError, match=r"file/vgg19\.onnx: can't be written"):
        publish(b"new", tmp_path / "file" / "vgg19.onnx", accept)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ExportError, match="folder: can't be written"):
        publish(b"new", tmp_path / "folder", accept)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_a_place_is_tried_before_anything_is_computed(tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"weights")
    (tmp_path / "link").symlink_to(weights)
    (tmp_path / "folder").mkdir()
    check_place(tmp_path / "new" / "vgg19.onnx", weights)
    check_place(tmp_path / "new" / "vgg19.onnx", tmp_path / TOO_LONG)
    refused = {
        "link": "file of the weights",
        "folder": "is a folder",
        "link/x": "can't be written",
        f"{TOO_LONG}/x": "can't be written: File name too long",
    }
    for name, problem in refused.items():
        with pytest.raises(ExportError, match=problem):
            check_place(tmp_path / name, weights)
    assert not [path for path in tmp_path.rglob("*") if ".part-" in path.name]
    assert weights.read_bytes() == b"weights"
