"""The layers of VGG19 (Simonyan and Zisserman 2015) whose features a transfer can use."""

from __future__ import annotations

CONVOLUTIONS_PER_BLOCK = (2, 2, 4, 4, 4)
CHANNELS = (64, 128, 256, 512, 512)  # of each block's layers
LAYERS = tuple(f"relu{block}_{i}" for block, n in enumerate(CONVOLUTIONS_PER_BLOCK, start=1) for i in range(1, n + 1))
"""Every layer that can be read, shallowest first."""
