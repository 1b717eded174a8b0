"""The encoder over the narrow model, in float32 and float64."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from export.graph import build_model
from export.sources import random_weights
from service.engine.losses import gram_matrix
from service.engine.vgg import VGG, build_encoder
from service.model import Model, load_model


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Pictures this small gain nothing from a second thread, and lose much where another process has the core."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def model(narrow_model: Path) -> Model:
    return load_model(narrow_model)


@pytest.fixture(scope="session")
def average_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The narrow model with average pooling."""
    path = tmp_path_factory.mktemp("model") / "average.onnx"
    path.write_bytes(build_model(random_weights(16, 0), "avg").SerializeToString(deterministic=True))
    return load_model(path)


@pytest.fixture(scope="session")
def encoder(model: Model) -> VGG:
    return build_encoder(model, torch.device("cpu"))


@pytest.fixture(scope="session")
def exact_encoder(model: Model) -> VGG:
    """The encoder in float64."""
    return build_encoder(model, torch.device("cpu")).double()


@pytest.fixture(scope="session")
def small_photo(photo: np.ndarray) -> np.ndarray:
    """48 x 64 x 3 uint8 of the photograph, with the cat's eyes in it."""
    return np.ascontiguousarray(photo[60:252:4, 100:356:4])


@pytest.fixture(scope="session")
def small_texture(texture: np.ndarray) -> np.ndarray:
    """40 x 56 x 3 uint8 of the texture."""
    return np.ascontiguousarray(texture[:160:4, :224:4])


@pytest.fixture(scope="session")
def grams_of(encoder: VGG) -> Callable[..., dict[str, np.ndarray]]:
    """A picture and layers -> its Grams, as the engine takes them."""

    def grams(picture: np.ndarray, layers: tuple[str, ...] = tuple(f"relu{b}_1" for b in range(1, 6))) -> dict:
        image = torch.tensor(picture).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            return {layer: gram_matrix(f)[0].numpy() for layer, f in encoder(image, layers).items()}

    return grams
