"""The benchmark's distance of structure, against its formula written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench import engine
from bench.painters import cfsd as module
from bench.painters.cfsd import cfsd
from service.engine.canvas import to_tensor
from service.engine.vgg import build_encoder
from service.network.model import load_model


@pytest.fixture
def narrow(narrow_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The narrow model in the place of the real one."""
    encoder = build_encoder(load_model(narrow_model), torch.device("cpu"))
    monkeypatch.setattr(engine, "encoder", lambda precision: encoder)
    monkeypatch.setattr(module, "INPUT_SCALE", 0.1)  # its features are small
    monkeypatch.setattr(module, "ROWS", 7)


def plain(picture: np.ndarray) -> np.ndarray:
    """The probabilities of each place to resemble each other place."""
    with torch.no_grad():
        features = engine.encoder("float32")(to_tensor(picture, engine.CPU), {"relu3_1"})["relu3_1"].numpy()
    places = features[0].reshape(features.shape[1], -1).T.astype(np.float64) / (0.1 * features.shape[1])
    likely = np.exp(places @ places.T)
    return np.asarray(likely / likely.sum(axis=1, keepdims=True))


def test_it_is_the_divergence_from_the_photograph_s_similarities(narrow: None) -> None:
    random = np.random.default_rng(0)
    photograph, painting = random.integers(0, 256, (2, 32, 48, 3), dtype=np.uint8)
    p, q = plain(photograph), plain(painting)
    wanted = (p * np.log(p / q)).sum()
    assert wanted > 1e-3
    assert cfsd(photograph, painting) == pytest.approx(wanted, rel=1e-3)


def test_it_is_nothing_for_the_photograph_itself(narrow: None) -> None:
    photograph = np.random.default_rng(1).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    assert cfsd(photograph, photograph) == pytest.approx(0, abs=1e-6)
