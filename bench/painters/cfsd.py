"""The content feature structural distance (CFSD) between a photograph and a painting of it.

It is that of Chung, Hyun & Heo, "Style Injection in Diffusion", CVPR 2024: which places of a picture resemble each
other at relu3_1 of VGG19, as one softmax for each place, compared by the Kullback-Leibler divergence. It ignores
colours and texture more than a content loss does. As in their program, features are divided by their channels, and
the divergences of all places are added up. Their VGG19 has other weights, so the values compare with each other only.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bench import engine
from service.engine.canvas import to_tensor
from service.pictures import images
from service.pictures.images import Picture

LAYER = "relu3_1"
SIZE = 512  # pixels on the long edge at which pictures are compared
INPUT_SCALE = 57.4  # our network takes 0 to 255, theirs colours with a standard deviation of 1
ROWS = 1024  # places that are compared with all others at a time


@torch.no_grad()
def cfsd(photograph: Picture, painting: Picture) -> float:
    """Return the distance of two pictures of one shape, H x W x 3 uint8; 0 for equal pictures."""
    wanted, found = _places(photograph), _places(painting)
    total = 0.0
    for begin in range(0, len(wanted), ROWS):
        target = F.log_softmax(wanted[begin : begin + ROWS] @ wanted.T, dim=1)
        seen = F.log_softmax(found[begin : begin + ROWS] @ found.T, dim=1)
        total += float(F.kl_div(seen, target, reduction="sum", log_target=True))
    return total


def _places(picture: Picture) -> Tensor:
    """Return the features of each place, H W x C."""
    small = images.resize_long_edge(picture, min(SIZE, max(picture.shape[:2])))
    features: Tensor = engine.encoder("float32")(to_tensor(small, engine.CPU), {LAYER})[LAYER]
    return features[0].flatten(1).T / (INPUT_SCALE * features.shape[1])
