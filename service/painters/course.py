"""A preset's learning as a whole: its time, its checks on held-out pictures, and its restarts."""

from __future__ import annotations

import copy
import io
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from service.engine.canvas import to_picture, to_tensor
from service.engine.checkpoint import UnusableCheckpoint
from service.engine.losses import Losses
from service.engine.vgg import VGG
from service.options import TransferOptions
from service.painters.beginning import nearest
from service.painters.learning import RATE, GradientNotFinite, Learner, Targets, judge
from service.painters.lessons import Training, lessons
from service.painters.network import Painter
from service.painters.photographs import BATCH, CROP, Crops, largest_crop
from service.painters.weights import PainterWeights
from service.pictures import images
from service.pictures.images import Picture

CHECKS = 12  # in the whole learning
PATIENCE = 4  # checks without a gain, after which the learning comes to its last part
LAST_PART = 0.25  # of the learning, in which the rate is low
GAIN = 0.005  # least fall of the total, as a share of it, that counts as a gain
DIVERGED = 2.0  # times the least total so far: a check that finds as much restarts the learning
RESTARTS = 3  # restarts, each at half the rate, before the learning fails
HELD_OUT = 2  # batches of crops that nothing is learned from
CELL = 256  # pixels along each side of a picture on the sheet
SEED = 1

Grams = Mapping[str, npt.NDArray[np.float32]]


class LearningDiverged(Exception):
    """The losses don't fall at any rate that was tried; the message says how far it came."""


@dataclass
class Standing:
    """How far a learning is.

    Attributes:
        seconds: seconds that it has taken, without pauses.
        rate: highest rate of Adam, halved by each restart.
        restarts: how many there were.
        best: least total on held-out pictures.
        waited: checks since the last gain.
        skipped: seconds that were left out, as it no longer gained at a high rate.
        checks: how many there were.
        curve: seconds and losses of each check that found no divergence.
    """

    seconds: float = 0.0
    rate: float = RATE
    restarts: int = 0
    best: float = math.inf
    waited: int = 0
    skipped: float = 0.0
    checks: int = 0
    curve: tuple[tuple[float, Losses], ...] = ()


@dataclass(frozen=True)
class Material:
    """What a painter learns from.

    Attributes:
        grams: octaves from `size` -> Gram targets, as service.painters.lessons names them.
        size: pixels on the long edge that it learns for.
        photographs: H x W x 3 uint8; it learns from drawn pictures too.
        held_out: photographs for the checks, which it doesn't learn from; drawn pictures where there are none.
    """

    grams: Mapping[int, Grams]
    size: int
    photographs: Sequence[Picture] = ()
    held_out: Sequence[Picture] = ()


class Course:
    """A preset's learning.

    Attributes:
        standing: how far it is.
        losses: of the newest step; None before the first.
        ended: whether its time is up.

    Args:
        seconds: seconds that it may take.
        on_tick: called between two parts of the preparation.
        beginnings: painters of other styles; it begins with the nearest. Without any, with random weights.
        clock: returns seconds.
    """

    def __init__(
        self,
        encoder: VGG,
        options: TransferOptions,
        material: Material,
        seconds: float,
        *,
        on_tick: Callable[[], None] = lambda: None,
        beginnings: Iterable[PainterWeights] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_tick, self._beginnings, self._clock = on_tick, beginnings, clock
        self._first: dict[str, Tensor] = {}  # parameters that it begins with
        self._encoder, self._options, self._material = encoder, options, material
        self._targets = {octaves: _as_targets(grams, encoder.device) for octaves, grams in material.grams.items()}
        self._side = min(CROP, largest_crop(material.size))
        self._learner = self._new_learner()
        self._training = self._new_training()
        held_out = Crops(material.held_out, SEED - 1, side=self._side)
        self._held_out = []
        for _ in range(HELD_OUT):
            on_tick()
            self._held_out.append(held_out.batch(material.size))
        self._seconds = seconds
        self._good: dict[str, Any] = {}  # the learner's state at the last check without divergence
        self.standing = Standing()
        self.losses: Losses | None = None
        self.ended = False

    @property
    def steps(self) -> int:
        """Steps taken so far."""
        return self._learner.steps

    @property
    def step_pixels(self) -> int:
        """Pixels of the crops that a step learns from."""
        return BATCH * self._side**2

    @property
    def fraction(self) -> float:
        """Share of the whole learning that is done, 0 to 1."""
        return 1.0 if self.ended else self._share()

    @property
    def painter(self) -> Painter:
        """The painter as it is now."""
        (painter,) = self._learner.averages
        return painter  # type: ignore[return-value]

    def step(self) -> None:
        """Take a step, and check the painter where it is time.

        Raises:
            LearningDiverged: it has diverged once more than RESTARTS allows.
        """
        begun, standing = self._clock(), self.standing
        try:
            if not self.steps and self._choose_first():
                self._learner = self._new_learner()
                self._training = self._new_training()
            self.losses = self._training.step(self.fraction)
        except GradientNotFinite as error:
            self._restart(str(error))
        standing.seconds += self._clock() - begun
        if standing.seconds >= (standing.checks + 1) * self._seconds / CHECKS:
            self._check()
        self.ended = self._share() >= 1

    @torch.no_grad()
    def paint(self, photograph: Picture) -> Picture:
        """Paint a photograph, H x W x 3 uint8, with the painter as it is now."""
        pixels = to_tensor(photograph, self._encoder.device)
        octaves = math.log2(max(photograph.shape[:2]) / self._material.size)
        return to_picture(self.painter(pixels, octaves))

    def sheet(self, photographs: Sequence[Picture]) -> Picture:
        """Paint the middle of each of four photographs; return the paintings as one picture, two in a row."""
        cells = [self.paint(images.resize(_middle(photograph), CELL, CELL)) for photograph in photographs]
        return np.concatenate([np.concatenate(cells[k : k + 2], axis=1) for k in (0, 2)])

    def weights(self, model: str) -> PainterWeights:
        """Return the weights of the painter as it is now; `model` is the SHA-256 of the encoder's model file."""
        arrays = {name: tensor.cpu().numpy() for name, tensor in self.painter.state_dict().items()}
        return PainterWeights.of(arrays, self._material.size, model)

    def to_bytes(self) -> bytes:
        """Return the state from which the learning can go on."""
        buffer = io.BytesIO()
        torch.save({"learner": self._learner.state(), "standing": asdict(self.standing)}, buffer)
        return buffer.getvalue()

    def resume(self, data: bytes) -> None:
        """Go on from bytes of `to_bytes`. Raises UnusableCheckpoint for other bytes."""
        try:
            state = torch.load(io.BytesIO(data), weights_only=True, map_location=self._encoder.device)
            self._learner.load_state(state["learner"])
            said = state["standing"]  # by another version perhaps, with other fields
            known = {field.name: said[field.name] for field in fields(Standing) if field.name in said}
            known["curve"] = tuple((seconds, Losses(**losses)) for seconds, losses in known["curve"])
            self.standing = Standing(**known)
        except Exception as error:  # torch raises errors of many types
            self._learner = self._new_learner()  # a part may have been loaded
            self._training = self._new_training()
            raise UnusableCheckpoint(f"{type(error).__name__}: {error}") from error
        self._learner.rate = self.standing.rate
        self._training = self._new_training()
        self.ended = self._share() >= 1
        if not self._has_diverged(self._judged()):
            self._good = copy.deepcopy(self._learner.state())

    def _choose_first(self) -> bool:
        """Choose what the painter begins with, unless that was done; return whether it is another painter."""
        self._first = self._first or nearest(
            self._encoder, self._beginnings, self._held_out[0], self._targets[0], self._options, on_tick=self._on_tick
        )
        return bool(self._first)

    def _new_learner(self) -> Learner:
        torch.manual_seed(SEED)
        painter = Painter()
        painter.load_state_dict(self._first or painter.state_dict())
        return Learner(self._encoder, self._options, [painter])

    def _new_training(self) -> Training:
        """Return the training; the seed of its lessons is the number of steps taken: the same at a step each time."""
        seed = SEED + self.steps
        crops = Crops(self._material.photographs, seed, side=self._side)
        sizes = {octaves: round(self._material.size * 2.0**octaves) for octaves in self._targets}
        return Training(self._learner, self._targets, lessons(crops, sizes, seed))

    def _check(self) -> None:
        """Judge the painter on held-out pictures; skip to the last part where it no longer gains.

        One that diverged restarts.
        """
        begun, standing = self._clock(), self.standing
        losses = self._judged()
        standing.checks += 1
        if self._has_diverged(losses):
            self._restart(f"the total on held-out pictures is {losses.total:.3g}, after {standing.best:.3g}")
        else:
            standing.curve += ((round(standing.seconds, 1), losses),)
            standing.waited = 0 if losses.total < (1 - GAIN) * standing.best else standing.waited + 1
            standing.best = min(standing.best, losses.total)
            self._good = copy.deepcopy(self._learner.state())
            if standing.waited >= PATIENCE:
                self._skip()
        standing.seconds += self._clock() - begun

    def _share(self) -> float:
        return min(1.0, (self.standing.seconds + self.standing.skipped) / self._seconds)

    def _skip(self) -> None:
        """Skip to the last part of the learning, unless that has begun: it is short, and its rate must come down."""
        if (share := self._share()) < 1 - LAST_PART:
            self.standing.skipped += (1 - LAST_PART - share) * self._seconds
            self.standing.waited = 0

    def _judged(self) -> Losses:
        return judge(self._encoder, self.painter, self._held_out, self._targets[0], self._options)

    def _has_diverged(self, losses: Losses) -> bool:
        return not losses.total < DIVERGED * self.standing.best  # true for NaN too

    def _restart(self, why: str) -> None:
        """Go back to the last state without divergence, or to the beginning, with half the rate."""
        standing = self.standing
        if standing.restarts == RESTARTS:
            raise LearningDiverged(f"it diverged {RESTARTS + 1} times, at last at step {self.steps}: {why}")
        standing.restarts += 1
        standing.rate /= 2
        steps = self.steps
        if self._good:
            self._learner.load_state(self._good)
        else:
            self._choose_first()
            self._learner = self._new_learner()
        self._learner.rate, self._learner.steps = standing.rate, steps
        self._training = self._new_training()


def _as_targets(grams: Grams, device: torch.device) -> Targets:
    return {layer: torch.as_tensor(gram, device=device) for layer, gram in grams.items()}


def _middle(photograph: Picture) -> Picture:
    """Return the largest square in the middle of a photograph."""
    height, width = photograph.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return photograph[top : top + side, left : left + side]
