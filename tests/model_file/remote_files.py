"""A file of weights as a server has it, and what an export makes of it."""

import json
from pathlib import Path

import onnx
import safetensors.torch
import torch
from model_file.weight_files import TORCHVISION_NAMES, narrow, state_dict

from export.__main__ import main
from export.sources import random_weights

CLASSIFIER_FLOATS = 500_000  # 2 MB, of which nothing may be read


def safetensors_file(dtype: torch.dtype = torch.float32, divisor: int = 16) -> bytes:
    convs = narrow() if divisor == 16 else random_weights(divisor, 0).convs
    tensors = {name: tensor.to(dtype) for name, tensor in state_dict(TORCHVISION_NAMES, convs).items()}
    return safetensors.torch.save(tensors | {"classifier.0.weight": torch.rand(CLASSIFIER_FLOATS)})


def convolution_bytes(content: bytes) -> int:
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    places = [entry["data_offsets"] for name, entry in header.items() if name.startswith("features.")]
    return sum(end - start for start, end in places)


def header_bytes(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")


CONTENT = safetensors_file()
NEEDED = convolution_bytes(CONTENT) + header_bytes(CONTENT)


def model(path: Path, without: tuple[str, ...] = ("nst.source",)) -> bytes:
    found = onnx.load(path)
    props = {prop.key: prop.value for prop in found.metadata_props if prop.key not in without}
    del found.metadata_props[:]
    onnx.helper.set_model_props(found, props)
    return found.SerializeToString(deterministic=True)


def metadata(path: Path) -> dict[str, str]:
    return {prop.key: prop.value for prop in onnx.load(path).metadata_props}


def export_local(content: bytes, folder: Path, *arguments: str) -> Path:
    (folder / "local.safetensors").write_bytes(content)
    output = folder / "local.onnx"
    assert main(["--weights", str(folder / "local.safetensors"), "--output", str(output), *arguments]) == 0
    return output
