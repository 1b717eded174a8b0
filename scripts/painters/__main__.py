"""make painters: teaches the starters' painters, first all together, then each by itself.

It goes on where it was broken off: the state lies in the folder of --work.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from scripts.client import ROOT
from service.config import Settings
from service.engine.vgg import VGG, build_encoder
from service.network.digests import model_sha256
from service.network.model import load_model
from service.options import TransferOptions
from service.painters.learning import Learner, Targets, share_convolutions
from service.painters.lessons import Lessons, learned_sizes
from service.painters.network import Painter
from service.painters.photographs import Crops
from service.painters.weights import PainterWeights
from service.painting.stylist import Stylist
from service.styles.starters.loading import STARTERS, Starter
from service.styles.style import Style

SIZE = 512  # pixels that the starters' painters learn for
TOGETHER, EACH = 12_000, 2_000  # steps
SAVE_S = 120.0  # seconds between two saves
SEED = 1


@dataclass(frozen=True)
class School:
    """All that learning needs: the encoder, and each starter's Gram targets by octaves from SIZE."""

    encoder: VGG
    targets: dict[str, dict[int, Targets]]
    work: Path

    def learn(self, name: str, painters: Sequence[Painter], starters: Sequence[Starter], steps: int) -> Learner:
        """Take the steps of a learning that its file lacks; the file is named like it."""
        learner = Learner(self.encoder, TransferOptions(), painters)
        file = self.work / f"{name}.pt"
        if file.exists():
            learner.load(file.read_bytes())
        saved = begun = time.monotonic()
        first = learner.steps
        while learner.steps < steps:
            self._step(learner, starters, steps)
            if learner.steps == steps or time.monotonic() > saved + SAVE_S:
                _write(file, learner.to_bytes())
                saved = time.monotonic()
                pace = (saved - begun) / (learner.steps - first)
                print(f"{name}: {learner.steps} of {steps} steps, {pace:.2f} s each", flush=True)
        return learner

    def _step(self, learner: Learner, starters: Sequence[Starter], steps: int) -> None:
        """Take one step of the starter whose turn it is."""
        number = learner.steps
        which = number % len(starters)
        lessons = Lessons(learner, self.targets[starters[which].name], SIZE, Crops([], SEED + number), number)
        lessons.step(number / steps, which)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="which starters end up with a painter; all by default")
    parser.add_argument("--work", type=Path, default=ROOT / ".painters", help="folder of unfinished painters")
    parser.add_argument("--together", type=int, default=TOGETHER, help="steps of all starters together")
    parser.add_argument("--each", type=int, default=EACH, help="steps of each starter by itself")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    settings = Settings(model=ROOT / "models" / "vgg19.onnx")
    stylist = Stylist.from_settings(settings)
    encoder = build_encoder(load_model(settings.model), torch.device("cpu"), stylist.info.precision)
    school = School(encoder, {starter.name: _targets(stylist, starter) for starter in STARTERS}, args.work)
    painters = _new_painters(len(STARTERS))
    together = school.learn("together", painters, STARTERS, args.together)
    for painter, starter in zip(together.averages, STARTERS, strict=True):
        if not args.names or starter.name in args.names:
            own = Painter()
            own.load_state_dict(painter.state_dict())
            learner = school.learn(starter.name, [own], [starter], args.each)
            weights = {name: tensor.numpy() for name, tensor in learner.averages[0].state_dict().items()}
            _write(starter.painter, PainterWeights.of(weights, SIZE, model_sha256(settings.model)).to_bytes())
    return 0


def _new_painters(count: int) -> list[Painter]:
    """Return painters that share their convolutions, the same every time."""
    torch.manual_seed(SEED)
    painters = [Painter() for _ in range(count)]
    share_convolutions(painters)
    return painters


def _targets(stylist: Stylist, starter: Starter) -> dict[int, Targets]:
    style = Style.of(starter.image())
    sizes = learned_sizes(SIZE)
    grams = stylist.grams([style], list(sizes.values()))
    return {
        octaves: {layer: torch.tensor(gram) for layer, gram in grams[size].items()} for octaves, size in sizes.items()
    }


def _write(file: Path, data: bytes) -> None:
    """Write a file as a whole or not at all."""
    part = file.with_name(f"{file.name}.part")
    part.write_bytes(data)
    part.replace(file)


if __name__ == "__main__":
    sys.exit(main())
