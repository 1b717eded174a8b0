"""An encoder over the narrow model, and a painter with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from service.engine.vgg import VGG, build_encoder
from service.network.model import load_model
from service.options import TransferOptions
from service.painters.learning import Targets
from service.painters.network import Painter
from service.painters.weights import PainterWeights


@pytest.fixture(scope="session")
def encoder(narrow_model: Path) -> VGG:
    return build_encoder(load_model(narrow_model), torch.device("cpu"))


@pytest.fixture(scope="session")
def targets(encoder: VGG) -> Targets:
    """Grams of stripes."""
    stripes = (torch.arange(64) // 4 % 2).float().expand(1, 3, 64, 64)
    grams = {}
    for layer, features in encoder(stripes, TransferOptions().style_layers).items():
        rows = features[0].flatten(1)
        grams[layer] = rows @ rows.t() / rows.shape[1]
    return grams


@pytest.fixture(scope="session")
def painter() -> Painter:
    """A painter whose every weight, also of the normalisations, is random."""
    torch.manual_seed(1)
    painter = Painter().requires_grad_(False)
    for parameter in painter.parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return painter


@pytest.fixture(scope="session")
def weights(painter: Painter) -> PainterWeights:
    return PainterWeights.of(arrays(painter), size=512, model="ab" * 32)


def arrays(painter: Painter) -> dict[str, npt.NDArray[np.float32]]:
    return {name: tensor.numpy() for name, tensor in painter.state_dict().items()}
