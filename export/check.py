"""Check that a written model computes what it claims: ONNX Runtime against a network in torch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
import torch.nn.functional as F
from onnx import numpy_helper

from export.errors import ExportError
from export.vgg19 import BLOCKS, RELUS, Array

TOLERANCE = 1e-4  # largest relative error, ||onnx - torch|| / ||torch||
SIZES = ((96, 128), (161, 80))  # height x width; odd sides show how pooling rounds
_POOLINGS: dict[str, Callable[..., torch.Tensor]] = {"max": F.max_pool2d, "avg": F.avg_pool2d}


@dataclass(frozen=True)
class LayerParity:
    """One layer's relative errors, one for each of SIZES; `shape` is that of its features at the first size."""

    layer: str
    shape: tuple[int, ...]
    features: tuple[float, ...]
    gram: tuple[float, ...]

    @property
    def worst(self) -> float:
        return float(np.max((*self.features, *self.gram)))  # NaN stays NaN


def check_model(path: Path) -> list[LayerParity]:
    """Check the file with onnx, then every feature map and Gram matrix against torch, at all SIZES.

    Raises ExportError if onnx rejects the file or a relative error is not below TOLERANCE.
    """
    try:
        onnx.checker.check_model(path, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(f"the model is not valid ONNX: {str(error).splitlines()[0]}") from error
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    model = onnx.load(path)
    runs = [_compare(session, model, photo_like(*size)) for size in SIZES]
    table = [
        LayerParity(layer, runs[0][layer][0], *zip(*(run[layer][1:] for run in runs), strict=True)) for layer in RELUS
    ]
    _refuse_mismatch(table)
    return table


def _refuse_mismatch(table: list[LayerParity]) -> None:
    for row in table:
        if not row.worst < TOLERANCE:  # written so that NaN is refused too
            raise ExportError(
                f"ONNX Runtime and torch differ at {row.layer}: relative error {row.worst:.1e}, "
                f"allowed {TOLERANCE:.0e}"
            )


def _compare(
    session: ort.InferenceSession, model: onnx.ModelProto, image: Array
) -> dict[str, tuple[tuple[int, ...], float, float]]:
    names = [name for layer in RELUS for name in (layer, f"gram_{layer}")]
    found = dict(zip(names, session.run(names, {"image": image}), strict=True))
    result = {}
    for layer, features in _torch_features(model, torch.from_numpy(image)):
        flat = features.flatten(2)
        gram = flat @ flat.mT / flat.shape[2]
        errors = (
            _relative_error(found[layer], features.numpy()),
            _relative_error(found[f"gram_{layer}"], gram.numpy()),
        )
        result[layer] = (tuple(features.shape), *errors)
    return result


@torch.inference_mode()
def _torch_features(model: onnx.ModelProto, image: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """Compute VGG19's features in torch from the file's weights and pooling, but not from its graph."""
    tensors = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in model.graph.initializer}
    pooling = _POOLINGS[{p.key: p.value for p in model.metadata_props}["nst.pooling"]]
    x = F.conv2d(image, tensors["preprocess.weight"], tensors["preprocess.bias"])
    for number, block in enumerate(BLOCKS):
        if number:
            x = pooling(x, kernel_size=2, stride=2)
        for name in block:
            x = F.relu(F.conv2d(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"], padding=1))
            yield name.replace("conv", "relu"), x


def _relative_error(found: Array, expected: Array) -> float:
    if found.shape != expected.shape:
        return float("inf")
    with np.errstate(invalid="ignore"):  # infinite features end as NaN, which is refused
        difference = float(np.linalg.norm(found.astype(np.float64) - expected))
    norm = float(np.linalg.norm(expected.astype(np.float64)))
    return difference / norm if norm else difference


def photo_like(height: int, width: int) -> Array:
    """Return 1 x 3 x height x width in [0, 1]: slow waves of colour, sharp edges and a little noise."""
    y, x = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    waves = [0.5 + 0.3 * np.sin(6 * x + phase) * np.cos(4 * y - phase) for phase in (0.0, 1.0, 2.5)]
    image = np.stack(waves)
    image[:, (x + y - 0.9 > 0) & (x - y - 0.2 < 0)] *= 0.4
    image[0, (x - 0.3) ** 2 + (y - 0.6) ** 2 - 0.2**2 < 0] += 0.3
    image += np.random.default_rng(0).normal(0, 0.03, image.shape)
    return image.clip(0, 1).astype(np.float32)[None]
