"""Packs, whole and changed."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load, save

from service.styles.packs import Pack, UnusablePack

Tensors = dict[str, np.ndarray]
IMAGES = [{"sha256": "5" * 64, "width": 80, "height": 60, "weight": 1.0, "scale": 0.5}]


def gram(channels: int = 4, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).random((100, channels))
    return np.asarray(rows.T @ rows / 100, np.float32)


def jpeg(width: int = 20, height: int = 15) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "#3377bb").save(buffer, "JPEG")
    return buffer.getvalue()


def some_pack(**changes: Any) -> Pack:
    ladder = {
        size: {"relu1_1": gram(4, size), "relu5_1": gram(8, size + 1), "relu3_1": gram(6, size)}
        for size in (32, 64, 128)
    }
    fields = {"model": "a" * 64, "description": "Waves, 波", "images": IMAGES, "thumbnail": jpeg(), "ladder": ladder}
    return Pack(**(fields | changes))


def changed(tensors: Tensors | None = None, without: str = "", **preset: Any) -> bytes:
    """A pack's file with other tensors or other facts; None takes a fact away."""
    kept = {name: tensor for name, tensor in load(some_pack().to_bytes()).items() if name != without}
    facts = {"version": 1, "model": "a" * 64, "description": "", "images": IMAGES} | preset
    return save(kept | (tensors or {}), {"preset": json.dumps({k: v for k, v in facts.items() if v is not None})})


def refusal(data: bytes) -> str:
    with pytest.raises(UnusablePack) as caught:
        Pack.from_bytes(data)
    return str(caught.value)
