"""The network in torch and as an ONNX model: two descriptions of one function."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest
import torch

from service.painters.graph import onnx_file
from service.painters.network import Painter
from service.painters.sessions import PainterSession
from service.painters.shape import parameter_shapes
from service.painters.weights import PainterWeights


def rounded(painter: Painter, weights: PainterWeights) -> Painter:
    """The painter with the weights as the file has them."""
    same = Painter().requires_grad_(False)
    same.load_state_dict({name: torch.tensor(array.astype(np.float32)) for name, array in weights.weights.items()})
    return same


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 31), (64, 30), (123, 57), (192, 256)])
def test_onnx_runtime_paints_what_torch_paints_in_every_size(
    painter: Painter, weights: PainterWeights, height: int, width: int
) -> None:
    photograph = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(height))
    expected = rounded(painter, weights)(photograph, math.log2(max(height, width) / weights.size))
    painting = PainterSession(weights, threads=1).paint(photograph[0].permute(1, 2, 0).numpy())
    assert painting.shape == (height, width, 3)
    np.testing.assert_allclose(painting, expected[0].permute(1, 2, 0).numpy(), atol=1e-4)


def test_the_onnx_file_passes_the_checker_and_says_what_it_is(weights: PainterWeights) -> None:
    model = onnx.load_from_string(onnx_file(weights, {"nst.preset": "waves"}))
    onnx.checker.check_model(model, full_check=True)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert facts == {"nst.size": "512", "nst.model": weights.model, "nst.preset": "waves"}


def test_the_network_has_the_weights_that_its_shape_says(painter: Painter) -> None:
    assert {name: tuple(tensor.shape) for name, tensor in painter.state_dict().items()} == parameter_shapes()


def test_the_picture_s_size_changes_the_painting_within_an_octave(painter: Painter) -> None:
    photograph = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    at = {octaves: painter(photograph, octaves) for octaves in (-3.0, -1.0, 0.0, 1.0, 3.0)}
    assert torch.equal(at[-3.0], at[-1.0])
    assert torch.equal(at[3.0], at[1.0])
    assert not torch.allclose(at[0.0], at[1.0], atol=1e-3)
    assert not torch.allclose(at[0.0], at[-1.0], atol=1e-3)
