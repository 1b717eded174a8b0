"""python -m bench.many_jobs: jobs of random sizes, layers and styles, each beside what the memory formula says.

What a process keeps from one job to the next (sessions, kernels for shapes, holes in the heap) counts as well: the
peak of each job is that of the whole process while it runs. As workers do, a process that has outgrown gives way
to a new one. The status is 1 if a job takes more than it may.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import engine
from bench.measure import alone, peak_memory
from service.decoding import files
from service.jobs.memory_check import painting_memory
from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.machine.memory import MIB, give_back_memory, resident
from service.network.layers import LAYERS
from service.options import TransferOptions
from service.painting.order import Order
from service.painting.stylist import Stylist
from service.pictures import images
from service.pictures.images import ImageFile, Picture
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.storage.stored_files import StoredImage
from service.styles.style import Style
from service.worker.outgrown import KeptMemory

SIDE = 640  # pixels along each side of the picture that all others are cut from
SMALLEST = 64  # pixels, long edge of an output
SHOWN = 25  # jobs from one line to the next


@dataclass(frozen=True)
class RandomJob:
    """An order of random pictures and options, and the bytes that the process may take for it."""

    order: Order
    needed: int


@dataclass(frozen=True)
class Stretch:
    """What one process did: the jobs up to `end`, how many took too much, and the largest share of the formula."""

    end: int
    over: int
    most: float


def main() -> int:
    """Run jobs; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.many_jobs", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="go on at this job; its number is its seed")
    parser.add_argument("--size", type=int, default=512, help="the largest long edge of an output, in pixels")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no job after so many")
    parser.add_argument("--model", type=Path, default=engine.MODEL)
    arguments = parser.parse_args()
    until, stretches = time.time() + arguments.seconds, [Stretch(arguments.first, 0, 0.0)]
    while stretches[-1].end < arguments.jobs and time.time() < until:
        first = stretches[-1].end
        stretches.append(alone(stretch, arguments.model, range(first, arguments.jobs), arguments.size, until))
    over, most = sum(one.over for one in stretches), max(one.most for one in stretches)
    jobs, processes = stretches[-1].end - arguments.first, len(stretches) - 1
    print(f"{jobs} jobs in {processes} processes, {over} above the formula, at most {most:.0%} of it")
    return 1 if over else 0


def stretch(model: Path, jobs: range, largest: int, until: float) -> Stretch:
    """Carry out jobs in this process until it has outgrown, or until a time."""
    stylist = Stylist(model, Blobs("memory:///"), device="cpu", precision="auto", threads=1, gram_memory=0)
    kept, over, most = KeptMemory(), 0, 0.0
    for k in jobs:
        job = _random_job(random.Random(k), largest, stylist.info.precision)  # noqa: S311 - not for secrets
        peak = _peak(stylist, job.order)
        over, most = over + (peak > job.needed), max(most, peak / job.needed)
        if peak > job.needed or k % SHOWN == 0:
            print(f"{k}: {peak / MIB:.0f} MiB of {job.needed / MIB:.0f}; {resident() / MIB:.0f} kept", flush=True)
        if kept.has_outgrown(stylist.cached) or time.time() > until:
            return Stretch(k + 1, over, most)
    return Stretch(jobs.stop, over, most)


def _peak(stylist: Stylist, order: Order) -> int:
    """Return the peak of this process's resident bytes during a transfer."""
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
    stylist.transfer(order, lambda progress: None)
    peak = peak_memory()
    give_back_memory()
    return peak


def _random_job(chance: random.Random, largest: int, precision: str) -> RandomJob:
    content = _picture(chance)
    size = chance.randint(SMALLEST, largest)
    options = TransferOptions.of(
        size=size,
        iterations=chance.randint(0, 2),
        levels=chance.randint(1, 3),
        style_layers=dict.fromkeys(chance.sample(LAYERS, chance.randint(1, 5)), 1.0),
        content_layers=dict.fromkeys(chance.sample(LAYERS, chance.randint(1, 2)), 1.0),
        optimizer=chance.choice(("lbfgs", "adam")),
        color=chance.choice(("style", "match")),
    )
    styles = list(_styles(chance))
    mask = _file(np.tile(np.arange(content.shape[1]) % 256, (content.shape[0], 1)).astype(np.uint8))
    masked = [Style.of(style, 1.0) for style in styles]
    if chance.random() < 0.3:  # noqa: PLR2004 - three jobs of ten
        masked[0] = Style((styles[0],), mask=mask)
    stored = tuple(
        StoredStyle(
            None, 1.0, style.scale, (StyleImage(_stored(style.file)),), mask=_stored(mask) if own.mask else None
        )
        for style, own in zip(styles, masked, strict=True)
    )
    request = TransferRequest(_stored(_file(content)), Painting(stored, options))
    needed = painting_memory(request, request.paintings[0], size, precision)
    return RandomJob(Order(content, masked, options), needed)


def _styles(chance: random.Random) -> Iterator[StyleImage[ImageFile]]:
    for _ in range(chance.randint(1, 2)):
        yield StyleImage(_file(_picture(chance)), 1.0, chance.choice((0.5, 1.0, 1.0, 1.5)))


def _picture(chance: random.Random) -> Picture:
    """Return noise, H x W x 3: what a picture shows has no influence on memory."""
    height, width = chance.randint(SIDE // 4, SIDE), chance.randint(SIDE // 4, SIDE)
    noise = np.random.default_rng(chance.randrange(2**32)).integers(0, 256, (height, width, 3))
    return noise.astype(np.uint8)


def _file(picture: Picture) -> ImageFile:
    return files.check_image(images.encode(picture))


def _stored(file: ImageFile) -> StoredImage:
    return StoredImage("", file.sha256, file.width, file.height)


if __name__ == "__main__":
    sys.exit(main())
