"""The objective without a transfer around it, for benchmarks and tests."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from service.engine.losses import Losses, Objective, StyleTarget, as_losses, gram_sum
from service.engine.vgg import VGG
from service.options import TransferOptions


def gram_matrix(features: Tensor) -> Tensor:
    """Return the Gram matrices of B x C x H x W features, B x C x C, divided by H*W; at least float32."""
    positions = features.shape[2] * features.shape[3]
    return torch.stack([gram_sum(one) / positions for one in features[:, None]])


def plain_objective(
    encoder: VGG, content: Tensor, grams: Mapping[str, Tensor], options: TransferOptions
) -> Objective:
    """Return J for a content image, 1 x 3 x H x W in [0, 1], and Gram targets that count everywhere."""
    with torch.no_grad():
        features = encoder(content, options.content_layers)
    return Objective(encoder, features, [StyleTarget({k: gram.to(content) for k, gram in grams.items()})], options)


def evaluate(objective: Objective, seen: Tensor, image: Tensor) -> Losses:
    """Return the losses without their gradient."""
    with torch.no_grad():
        return as_losses(objective.losses(seen, image))
