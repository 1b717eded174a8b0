"""The encoder over the narrow model, in float32 and float64, and whole transfers with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.paintings import GramsOf, Painted, Pair, Run

from bench.objectives import gram_matrix
from export.graph import build_model
from export.sources import random_weights
from service.engine.stylize import Progress, Result, stylize
from service.engine.vgg import VGG, build_encoder
from service.network.model import Model, load_model
from service.options import TransferOptions
from service.pictures import images
from service.pictures.colour import grey


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Use one thread: small pictures gain nothing from a second one, and lose much if its core is busy."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def model(narrow_model: Path) -> Model:
    return load_model(narrow_model)


@pytest.fixture(scope="session")
def average_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The narrow model with average pooling."""
    path = tmp_path_factory.mktemp("model") / "average.onnx"
    path.write_bytes(build_model(random_weights(16, 0), "avg").SerializeToString(deterministic=True))
    return load_model(path)


@pytest.fixture(scope="session")
def encoder(model: Model) -> VGG:
    return build_encoder(model, torch.device("cpu"))


@pytest.fixture(scope="session")
def exact_encoder(model: Model) -> VGG:
    """The encoder in float64."""
    return build_encoder(model, torch.device("cpu")).double()


@pytest.fixture(scope="session")
def small_photo(photo: np.ndarray) -> np.ndarray:
    """48 x 64 x 3 uint8 of the photograph, with the cat's eyes in it."""
    return np.ascontiguousarray(photo[60:252:4, 100:356:4])


@pytest.fixture(scope="session")
def small_texture(texture: np.ndarray) -> np.ndarray:
    """40 x 56 x 3 uint8 of the texture."""
    return np.ascontiguousarray(texture[:160:4, :224:4])


@pytest.fixture(scope="session")
def grams_of(encoder: VGG) -> Callable[..., dict[str, np.ndarray]]:
    """A picture and layers -> its Grams, as the engine takes them."""

    def grams(
        picture: np.ndarray, layers: tuple[str, ...] = tuple(f"relu{b}_1" for b in range(1, 6))
    ) -> dict[str, np.ndarray]:
        image = torch.tensor(picture).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            return {layer: gram_matrix(f)[0].numpy() for layer, f in encoder(image, layers).items()}

    return grams


@pytest.fixture
def run(encoder: VGG, small_photo: np.ndarray, small_texture: np.ndarray, grams_of: GramsOf) -> Run:
    """A transfer of the small texture's style to the small photo, with options and arguments of stylize()."""

    def run(*, content: np.ndarray = small_photo, style: np.ndarray = small_texture, first: Any = None,
            on_progress: Callable[[Progress], None] = lambda progress: None,
            on_tick: Callable[[], None] = lambda: None, **options: Any) -> Result:  # fmt: skip
        asked = TransferOptions(**{"iterations": 8, "tv_weight": 0.0, "tolerance": 0.0} | options)
        grams = grams_of(grey(style) if asked.color == "luminance" else style, tuple(asked.style_layers))
        rng = np.random.default_rng(0)  # another runtime computes the Grams in the service: they differ by rounding
        grams = {layer: (g * (1 + 1e-7 * rng.normal(size=g.shape))).astype(np.float32) for layer, g in grams.items()}
        return stylize(
            encoder, content, lambda size: [grams], asked,
            initial_image=first, on_progress=on_progress, on_tick=on_tick,
        )  # fmt: skip

    return run


@pytest.fixture
def painted(encoder: VGG, grams_of: GramsOf) -> Painted:
    """A transfer with options, which returns its result and the sizes whose Grams it asked for."""

    def paint(
        content: np.ndarray, style: np.ndarray, reports: list[Progress], **options: Any
    ) -> tuple[Result, list[int]]:
        asked: list[int] = []

        def grams_at(size: int) -> list[dict[str, np.ndarray]]:
            asked.append(size)
            return [grams_of(images.resize_long_edge(style, size))]

        given = TransferOptions(**options)
        return stylize(encoder, content, grams_at, given, initial_image=style, on_progress=reports.append), asked

    return paint


@pytest.fixture
def pictures(small_photo: np.ndarray, small_texture: np.ndarray) -> Pair:
    """The content and the style that `run` takes."""
    return small_photo, small_texture
