"""The encoder: VGG19's convolutions in torch, with the weights of the exported model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from service.engine.precision import PRECISIONS
from service.network.layers import LAYERS
from service.network.model import Model


class VGG(nn.Module):
    """Frozen VGG19 (Simonyan & Zisserman 2014), read after the ReLUs, never deeper than asked for.

    Images come in float32 and are preprocessed in it; the convolutions compute in `precision`.
    """

    def __init__(self, weights: Mapping[str, Tensor], pooling: str, precision: str = "float32") -> None:
        """Keep the tensors `preprocess.*` and `conv1_1.weight` … `conv5_4.bias`, named as in the model file."""
        super().__init__()
        for name, tensor in weights.items():
            cast = tensor if name.startswith("preprocess") else tensor.to(PRECISIONS[precision])
            fast = cast.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else cast  # noqa: PLR2004
            self.register_buffer(name.replace(".", "_"), fast)
        self.precision = precision
        self._pool = F.max_pool2d if pooling == "max" else F.avg_pool2d
        self._exact = None if precision == "float32" else VGG(weights, pooling)

    @property
    def exact(self) -> VGG:
        """This network in float32, which computes the losses of delivered pictures."""
        return self._exact or self

    @property
    def device(self) -> torch.device:
        return self._tensor("preprocess_bias").device

    def channels(self, layer: str) -> int:
        """Return the number of a layer's channels."""
        return len(self._tensor(layer.replace("relu", "conv") + "_bias"))

    def _tensor(self, name: str) -> Tensor:
        return self.get_buffer(name)

    def forward(
        self, image: Tensor, layers: Iterable[str], on_tick: Callable[[], None] = lambda: None
    ) -> dict[str, Tensor]:
        """Return the features of the layers named, B x C x H' x W', of RGB images, B x 3 x H x W in [0, 1].

        `on_tick` is as for `walk`.
        """
        return dict(self.walk(image, layers, on_tick))

    def walk(
        self, image: Tensor, layers: Iterable[str], on_tick: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield the features layer by layer, shallowest first, so that the caller need not keep them all.

        `on_tick` is called before each convolution: of a large image in one piece each takes a second or more.
        """
        wanted = set(layers)
        x = image.contiguous(memory_format=torch.channels_last)
        x = F.conv2d(x, self._tensor("preprocess_weight"), self._tensor("preprocess_bias"))
        x = x.to(self._tensor("conv1_1_weight").dtype)
        for layer in LAYERS[: max(LAYERS.index(name) for name in wanted) + 1]:
            on_tick()
            name = layer.replace("relu", "conv")
            if name.endswith("_1") and name != "conv1_1":
                x = self._pool(x, 2)
            x = F.conv2d(x, self._tensor(f"{name}_weight"), self._tensor(f"{name}_bias"), padding=1)
            x = F.relu(x, inplace=True)
            if layer in wanted:
                yield layer, x


def build_encoder(model: Model, device: torch.device, precision: str = "float32") -> VGG:
    """Return the encoder with the weights of a model file, on a device, in "float32" or "bfloat16"."""
    weights = {name: torch.tensor(array) for name, array in model.parameters().items()}
    return VGG(weights, model.pooling, precision).to(device).eval()
