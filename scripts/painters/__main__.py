"""make painters: teaches the starters' painters, first all together, then each by itself.

They learn from pictures that the script draws. It goes on where it was broken off: the state lies in the folder of
--work. The defaults are for a GPU (ten minutes of an H200); on two cores, `--together 2000 --each 300 --crop 192
--batch 4` takes four hours.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from scripts.client import ROOT
from scripts.painters.shared import share_convolutions
from service.engine.allocator import keep_freed_memory
from service.engine.precision import choose
from service.engine.vgg import VGG, build_encoder
from service.jobs.tasks import learned_sizes
from service.network.digests import model_sha256
from service.network.model import load_model
from service.options import TransferOptions
from service.painters.learning import Learner, Targets
from service.painters.lessons import Lesson, Training, lessons
from service.painters.network import Painter
from service.painters.photographs import Crops, draw_picture
from service.painters.weights import PainterWeights
from service.pictures import images
from service.pictures.images import Picture
from service.styles.extractor import GramExtractor
from service.styles.starters.loading import STARTERS, Starter

MODEL = ROOT / "models" / "vgg19.onnx"
SIZE = 512  # pixels that the starters' painters learn for
TOGETHER, EACH = 16_000, 2_200  # steps
SIDE, COUNT = 256, 8  # pixels along each side of a crop, and crops in a step
DRAWN = 1500  # pictures, drawn once for all starters
CROPPERS = max(0, (os.cpu_count() or 1) - 2)
SAVE_S = 120.0  # seconds between two saves
SEED = 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="which starters end up with a painter; all by default")
    parser.add_argument("--work", type=Path, default=ROOT / ".painters", help="folder of unfinished painters")
    parser.add_argument("--together", type=int, default=TOGETHER, help="steps of all starters together")
    parser.add_argument("--each", type=int, default=EACH, help="steps of each starter by itself")
    parser.add_argument("--crop", type=int, default=SIDE, help="pixels along each side of a crop")
    parser.add_argument("--batch", type=int, default=COUNT, help="crops in a step")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--croppers", type=int, default=CROPPERS, help="processes that cut crops, besides this one")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    encoder = build_encoder(load_model(MODEL), device, choose("auto", device))
    drawn = drawn_pictures(args.work / "drawn.npy")
    school = School(encoder, args.work, Cutting(args.crop, args.batch, drawn), args.croppers)
    together = school.learn("together", _new_painters(len(STARTERS)), STARTERS, args.together).averages
    for painter, starter in zip(together, STARTERS, strict=True):
        if not args.names or starter.name in args.names:
            own = Painter()
            own.load_state_dict(painter.state_dict())
            learner = school.learn(starter.name, [own], [starter], args.each)
            weights = {name: tensor.cpu().numpy() for name, tensor in learner.averages[0].state_dict().items()}
            _write(starter.painter, PainterWeights.of(weights, SIZE, model_sha256(MODEL)).to_bytes())
    return 0


@dataclass(frozen=True)
class Cutting:
    """How crops are cut: pixels along each side, crops in a step, and the drawn pictures."""

    side: int
    batch: int
    drawn: list[Picture]


class Feed(IterableDataset[Lesson]):
    """Lessons of one seed, as DataLoader's processes take them: each of these has lessons of its own."""

    def __init__(self, cutting: Cutting, seed: int) -> None:
        self._cutting = cutting
        self._seed = seed

    def __iter__(self) -> Iterator[Lesson]:
        worker = get_worker_info()
        seed = self._seed if worker is None else worker.seed  # follows from the loader's seed and the worker's number
        crops = Crops([], seed, self._cutting.drawn, self._cutting.side, self._cutting.batch)
        return lessons(crops, learned_sizes(SIZE), seed)


@dataclass(frozen=True)
class School:
    """What learning needs.

    Attributes:
        work: folder of the states.
        croppers: processes that cut crops; with none, crops are cut between steps.
    """

    encoder: VGG
    work: Path
    cutting: Cutting
    croppers: int

    def learn(self, name: str, painters: Sequence[Painter], starters: Sequence[Starter], steps: int) -> Learner:
        """Train the painters up to `steps` steps; go on from the file of this name. The starters take turns."""
        learner = Learner(self.encoder, TransferOptions(), painters)
        file = self.work / f"{name}.pt"
        if file.exists():
            learner.load(file.read_bytes())
        if learner.steps >= steps:
            return learner
        seed = SEED + learner.steps
        feed = self._feed(seed)
        trainings = [Training(learner, _targets(one), feed, which) for which, one in enumerate(starters)]
        saved = begun = time.monotonic()
        first = learner.steps
        recent = []
        while learner.steps < steps:
            training = trainings[learner.steps % len(trainings)]
            recent.append(training.step(learner.steps / steps).total)
            if learner.steps == steps or time.monotonic() > saved + SAVE_S:
                _write(file, learner.to_bytes())
                saved = time.monotonic()
                pace = (saved - begun) / (learner.steps - first)
                print(f"{name}: {learner.steps} steps, {pace:.2f} s each, total {np.mean(recent):.3f}", flush=True)
                recent = []
        return learner

    def _feed(self, seed: int) -> Iterator[Lesson]:
        """Return lessons of a seed, and of this number of croppers."""
        generator = torch.Generator().manual_seed(seed)
        loader = DataLoader(
            Feed(self.cutting, seed), batch_size=None, num_workers=self.croppers, generator=generator,
            pin_memory=self.encoder.device.type == "cuda",
        )  # fmt: skip
        return iter(loader)


def _new_painters(count: int) -> list[Painter]:
    """Return painters that share their convolutions; their first weights are always the same."""
    torch.manual_seed(SEED)
    painters = [Painter() for _ in range(count)]
    share_convolutions(painters)
    return painters


def drawn_pictures(file: Path) -> list[Picture]:
    """Return DRAWN pictures; the first call draws them and keeps them in a file."""
    if not file.exists():
        with ProcessPoolExecutor() as pool:
            pictures = np.stack(list(pool.map(_drawn, range(DRAWN), chunksize=8)))
        part = file.with_suffix(".part.npy")
        np.save(part, pictures)
        part.replace(file)
    return list(np.load(file, mmap_mode="r"))


def _drawn(seed: int) -> Picture:
    return draw_picture(np.random.default_rng(seed))


@cache
def _targets(starter: Starter) -> dict[int, Targets]:
    """Return a starter's Gram targets by octaves from SIZE."""
    extractor = GramExtractor(load_model(MODEL), "cpu", torch.get_num_threads())
    layers = list(TransferOptions().style_layers)
    picture = np.asarray(Image.open(starter.picture).convert("RGB"))
    targets: dict[int, Targets] = {}
    for octaves, size in learned_sizes(SIZE).items():
        grams = extractor.grams(images.resize_long_edge(picture, size), layers)
        targets[octaves] = {layer: torch.tensor(gram) for layer, gram in grams.items()}
    return targets


def _write(file: Path, data: bytes) -> None:
    """Write a file completely or not at all."""
    part = file.with_name(f"{file.name}.part")
    part.write_bytes(data)
    part.replace(file)


if __name__ == "__main__":
    sys.exit(main())
