"""Presets whose painters have random weights, so that nobody has to wait until they have learned."""

from __future__ import annotations

import json

import numpy as np
import requests
from front_door import RunningService

from service.network.safetensors_header import metadata_of
from service.painters.packed import joined
from service.painters.shape import parameter_shapes
from service.painters.weights import PainterWeights
from service.storage.records import PresetPainter

SIZE = 64  # pixels that the painters have learned


def give_painter(service: RunningService, name: str, seed: int = 0) -> None:
    """Give a preset a painter of random weights; its pictures give way to their Gram matrices."""
    put_painting_preset(service, name, service.get(f"/v1/styles/{name}/pack").content, seed)


def put_painting_preset(service: RunningService, name: str, pack: bytes, seed: int) -> None:
    """Save a preset from a pack, with a painter of random weights beside the pack's Gram matrices."""
    random = np.random.default_rng(seed)
    arrays = {key: random.normal(0, 0.1, shape).astype(np.float32) for key, shape in parameter_shapes().items()}
    model = json.loads(metadata_of(pack)["preset"])["model"]
    data = joined(pack, PainterWeights.of(arrays, SIZE, model).to_bytes(), PresetPainter(steps=1, seconds=1.0))
    url, headers = f"{service.url}/v1/styles/{name}/pack", {"Content-Type": "application/octet-stream"}
    requests.put(url, data=data, headers=headers, timeout=60).raise_for_status()
