"""The network of a painter: one pass makes a painting of a photograph (Johnson, Alahi & Fei-Fei 2016)."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from service.painters.shape import BLOCKS, EPSILON, LIGHTEST, OCTAVES, WIDTHS


class Normalization(nn.Module):
    """Instance normalisation (Ulyanov et al. 2017) whose scale and shift follow the picture's size.

    They are linear in the octaves between the picture's size and the one that the painter learned for, as Dumoulin
    et al. 2017 let them depend on the style.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.stack([torch.ones(channels), torch.zeros(channels)]))
        self.shift = nn.Parameter(torch.zeros(2, channels))

    def forward(self, x: Tensor, octaves: float) -> Tensor:
        """Normalise B x C x H x W features."""
        scale, shift = ((own[0] + octaves * own[1]).view(1, -1, 1, 1) for own in (self.scale, self.shift))
        mean = x.mean((2, 3), keepdim=True)
        factor = scale * torch.rsqrt(x.var((2, 3), keepdim=True, unbiased=False) + EPSILON)
        return x * factor + (shift - mean * factor)


class Layer(nn.Module):
    """A convolution, mirrored at the border, with normalisation and a ReLU."""

    def __init__(self, channels: int, filters: int, side: int = 3, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(
            channels, filters, side, stride, side // 2, groups=groups, padding_mode="reflect", bias=False
        )
        self.normalization = Normalization(filters)

    def forward(self, x: Tensor, octaves: float) -> Tensor:
        return F.relu(self.normalization(self.convolution(x), octaves))


class Block(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Layer(channels, channels)
        self.second = Layer(channels, channels)

    def forward(self, x: Tensor, octaves: float) -> Tensor:
        y = self.second.convolution(self.first(x, octaves))
        return x + cast(Tensor, self.second.normalization(y, octaves))


class Painter(nn.Module):
    """A body at an eighth of the picture's size for large structures, with skip connections for detail.

    The output is the photograph plus what the network adds, both before a sigmoid.
    """

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth = WIDTHS
        self.to_half = Layer(3, half, side=5, stride=2)
        self.to_quarter = Layer(half, quarter, stride=2)
        self.to_eighth = Layer(quarter, eighth, stride=2)
        self.blocks = nn.ModuleList(Block(eighth) for _ in range(BLOCKS))
        self.narrow_quarter = nn.Conv2d(eighth, quarter, 1)
        self.join_quarter = Layer(2 * quarter, quarter)
        self.narrow_half = nn.Conv2d(quarter, half, 1)
        self.join_half = Layer(2 * half, half)
        self.head = nn.Conv2d(half, 3 * 4, 3, padding=1, padding_mode="reflect")

    def forward(self, photograph: Tensor, octaves: float = 0.0) -> Tensor:
        """Paint RGB pictures in [0, 1], B x 3 x H x W with at least 16 pixels along each side.

        `octaves` is the binary logarithm of their size, in sizes that the painter learned for.
        """
        octaves = max(-OCTAVES, min(OCTAVES, octaves))
        x = photograph.contiguous(memory_format=torch.channels_last)
        half = self.to_half(2 * x - 1, octaves)
        quarter = self.to_quarter(half, octaves)
        y = self.to_eighth(quarter, octaves)
        for block in self.blocks:
            y = block(y, octaves)
        y = self.join_quarter(_joined(self.narrow_quarter(y), quarter), octaves)
        y = self.join_half(_joined(self.narrow_half(y), half), octaves)
        added = F.pixel_shuffle(self.head(y), 2)[..., : x.shape[2], : x.shape[3]]
        return torch.sigmoid(torch.logit(x, 1 - LIGHTEST) + added)


def _joined(coarse: Tensor, fine: Tensor) -> Tensor:
    """Enlarge coarse features to the size of fine ones, and put both together."""
    return torch.cat([F.interpolate(coarse, size=fine.shape[-2:], mode="nearest"), fine], dim=1)
