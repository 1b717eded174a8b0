"""A file that is no model is refused with a sentence that says what it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx.external_data_helper import set_external_data

from service.errors import ModelUnavailable
from service.network import model
from service.network.model import load_model
from service.network.read_apart import check_model

TOO_LONG = "x" * 300  # a name at which the system refuses to look, for root too


def _other_graph(model: bytes) -> bytes:
    return helper.make_model(helper.make_graph([], "other", [], [])).SerializeToString()


def _without_a_layer(model: bytes) -> bytes:
    proto = onnx.load_model_from_string(model)
    last = next(tensor for tensor in proto.graph.initializer if tensor.name == "conv5_4.bias")
    proto.graph.initializer.remove(last)
    return proto.SerializeToString()


def _with_another_bias(*, change: Callable[[onnx.TensorProto], object]) -> Callable[[bytes], bytes]:
    """Return what changes a tensor of a model whose metadata stays, as other programs do."""

    def changed(model: bytes) -> bytes:
        proto = onnx.load_model_from_string(model)
        change(next(tensor for tensor in proto.graph.initializer if tensor.name == "conv1_1.bias"))
        return proto.SerializeToString()

    return changed


def _to(array: npt.NDArray[np.generic]) -> Callable[[onnx.TensorProto], object]:
    return lambda tensor: tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def _move_out(tensor: onnx.TensorProto) -> None:
    set_external_data(tensor, "weights.bin")
    tensor.ClearField("raw_data")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model: b"", "is empty"),
        (lambda model: bytes(10_000), "is empty"),
        (lambda model: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "is a Git LFS pointer"),
        (lambda model: b"\n<!DOCTYPE html><title>404</title>", "is a web page"),
        (lambda model: model[: len(model) // 2], "not all of one"),
        (lambda model: model[:-1], "not all of one"),
        (lambda model: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "no ONNX file"),
        (_other_graph, "no ONNX file|not a model of this version"),
        (_without_a_layer, "lacks conv5_4.bias"),
        (_with_another_bias(change=_move_out), "has conv1_1.bias in another file"),
        (_with_another_bias(change=_to(np.zeros(4, np.float16))), "has conv1_1.bias in other numbers than float32"),
        (_with_another_bias(change=_to(np.full(4, np.nan, np.float32))), "has a damaged conv1_1.bias"),
        (_with_another_bias(change=lambda tensor: tensor.dims.append(2)), "has a damaged conv1_1.bias"),
    ],
)
def test_what_the_file_is_instead_is_said(
    narrow_model: Path, tmp_path: Path, change: Callable[[bytes], bytes], said: str
) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(change(narrow_model.read_bytes()))
    with pytest.raises(ModelUnavailable, match=rf"model\.onnx .*({said}).*python -m export"):
        load_model(file)


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="is no file"):
        load_model(tmp_path)


def test_a_place_that_can_not_be_looked_at_has_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"no model at .*\(File name too long\)"):
        load_model(tmp_path / TOO_LONG / "model.onnx")


def test_whatever_stops_a_read_apart_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(path: Path) -> None:
        raise MemoryError("no room for the model")

    monkeypatch.setattr(model, "load_model", fails)
    with pytest.raises(ModelUnavailable, match="MemoryError: no room for the model"):
        check_model(tmp_path / "model.onnx")
