"""Checkpoints: the state of a transfer as a file, from which another process can go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from service.network.levels import Level
from service.network.safetensors_header import metadata_of

STEPS = 65535  # from 0 to 1 in a file: 257 for each step of an 8-bit picture, in half of float32's bytes
BROKEN = (SafetensorError, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
STOPS = ("", "iterations", "converged", "stalled")

Trail = npt.NDArray[np.float32]
"""Images of a level, N x 3 x H x W in [0, 1], with the margin. The last one is the best so far. If a step led to it,
the image at which that step began comes first."""


class UnusableCheckpoint(ValueError):
    """A checkpoint from which no transfer can go on; the message says why."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A transfer within one of its levels, or at that level's end.

    Attributes:
        plan: all levels of the transfer, coarsest first.
        level: the index in `plan` of the current level.
        iteration: iterations done at this level.
        before: iterations done at the coarser levels, which may have ended early.
        stopped: why this level ended, as in `Result.stopped`; empty while it goes on.
        trail: the images from which to go on.

    Raises:
        UnusableCheckpoint: the attributes contradict each other.
    """

    plan: tuple[Level, ...]
    level: int
    iteration: int
    before: int
    stopped: str
    trail: Trail

    def __post_init__(self) -> None:
        if not 0 <= self.level < len(self.plan):
            raise UnusableCheckpoint(f"it is at level {self.level} of {len(self.plan)}")
        here, coarser = self.plan[self.level], self.plan[: self.level]
        most = sum(level.iterations for level in coarser)
        if not (0 <= self.before <= most and 0 <= self.iteration <= here.iterations):
            raise UnusableCheckpoint(
                f"{self.before} and {self.iteration} iterations where {most} and {here.iterations} are the most"
            )
        if self.stopped not in STOPS:
            raise UnusableCheckpoint(f"no level ends as {self.stopped!r}")
        _check_trail(self.trail, here)

    @property
    def left(self) -> int:
        """The most iterations that the level has left."""
        return 0 if self.stopped else self.plan[self.level].iterations - self.iteration

    @property
    def next_level(self) -> int:
        """The index in `plan` of the level to go on at: this one, or the next if this one has no iterations left."""
        last = len(self.plan) - 1
        return self.level if self.left else min(self.level + 1, last)

    def check_fits(self, plan: Sequence[Level]) -> None:
        """Raise UnusableCheckpoint if this checkpoint is of a transfer with other levels."""
        if self.plan != tuple(plan):
            raise UnusableCheckpoint(
                f"the checkpoint is of another transfer: its levels are {list(self.plan)}, not {list(plan)}"
            )

    def to_bytes(self) -> bytes:
        """Return a safetensors file: the images in steps of 16 bits, all else as metadata."""
        metadata = {
            "plan": json.dumps([astuple(level) for level in self.plan]),
            "level": str(self.level),
            "iteration": str(self.iteration),
            "before": str(self.before),
            "stopped": self.stopped,
        }
        steps = _to_steps(self.trail)
        return save({"trail": steps}, metadata | {"sha256": _digest(steps, metadata)})

    @classmethod
    def from_bytes(cls, data: bytes) -> Checkpoint:
        """Read what `to_bytes` wrote; pixels come back within 1/131070.

        Raises:
            UnusableCheckpoint: the bytes are no checkpoint, or an incomplete or damaged one.
        """
        try:
            steps, metadata = load(data)["trail"], metadata_of(data)
            _check_digest(steps, metadata)
            trail = _from_steps(steps)
            return cls(
                tuple(Level(*map(int, row)) for row in json.loads(metadata["plan"])),
                int(metadata["level"]),
                int(metadata["iteration"]),
                int(metadata["before"]),
                metadata["stopped"],
                trail,
            )
        except UnusableCheckpoint:
            raise
        except BROKEN as error:
            raise UnusableCheckpoint(f"not a checkpoint: {error!r}") from error


def _to_steps(trail: Trail) -> npt.NDArray[np.uint16]:
    return np.ascontiguousarray(np.rint(trail * STEPS), dtype=np.uint16)


def _from_steps(steps: npt.NDArray[np.generic]) -> Trail:
    if steps.dtype != np.uint16:
        raise UnusableCheckpoint(f"its images are of {steps.dtype}")
    return steps.astype(np.float32) / np.float32(STEPS)


def _check_trail(trail: Trail, level: Level) -> None:
    height, width = level.height + 2 * level.margin, level.width + 2 * level.margin
    if trail.shape not in [(n, 3, height, width) for n in (1, 2)] or trail.dtype != np.float32:
        raise UnusableCheckpoint(f"images of {trail.shape} {trail.dtype} for {width} x {height} pixels")
    if not (trail.min() >= 0 and trail.max() <= 1):  # NaN fails this too
        raise UnusableCheckpoint("its images aren't all in [0, 1]")


def _check_digest(steps: npt.NDArray[np.generic], metadata: dict[str, str]) -> None:
    """Take the digest out of the metadata and compare it; files of older versions have none."""
    if metadata.pop("sha256", None) not in (None, _digest(steps, metadata)):
        raise UnusableCheckpoint("its bytes are not those that were written")


def _digest(steps: npt.NDArray[np.generic], metadata: Mapping[str, str]) -> str:
    """Return the SHA-256 of the images and the metadata."""
    digest = hashlib.sha256(json.dumps([metadata, steps.shape], sort_keys=True).encode())
    digest.update(np.ascontiguousarray(steps).data)
    return digest.hexdigest()
