"""python -m bench.many_jobs: jobs of random sizes, layers and styles in one process, beside what the formula says.

What a process keeps from one job to the next (sessions, kernels for shapes, holes in the heap) counts as well: the
peak of each job is that of the whole process while it runs. The status is 1 if a job takes more than it may.
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
from bench.measure import peak_memory
from service.decoding import files
from service.jobs.memory_check import painting_memory
from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.machine.memory import MIB, give_back_memory
from service.network.layers import LAYERS
from service.options import TransferOptions
from service.painting.order import Order
from service.painting.stylist import Stylist
from service.pictures import images
from service.pictures.images import ImageFile, Picture
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.storage.pictures import StoredImage
from service.styles.style import Style

SIDE = 640  # pixels along each side of the picture that all others are cut from
SMALLEST = 64  # pixels, long edge of an output
SHOWN = 25  # jobs from one line to the next


@dataclass(frozen=True)
class RandomJob:
    """An order of random pictures and options, and the bytes that the process may take for it."""

    order: Order
    needed: int


def main() -> int:
    """Run jobs; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.many_jobs", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--size", type=int, default=512, help="the largest long edge of an output, in pixels")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no job after so many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", type=Path, default=engine.MODEL)
    arguments = parser.parse_args()
    stylist = Stylist(arguments.model, Blobs("memory:///"), device="cpu", precision="auto", threads=1, gram_memory=0)
    chance = random.Random(arguments.seed)  # noqa: S311 - not for secrets
    begun, over, most, count = time.monotonic(), 0, 0.0, 0
    for job in (_random_job(chance, arguments.size, stylist.info.precision) for _ in range(arguments.jobs)):
        if time.monotonic() - begun > arguments.seconds:
            break
        peak = _peak(stylist, job.order)
        over, most, count = over + (peak > job.needed), max(most, peak / job.needed), count + 1
        if peak > job.needed or count % SHOWN == 1:
            print(
                f"{count}: {peak / MIB:.0f} MiB of {job.needed / MIB:.0f}, {_idle() / MIB:.0f} between jobs",
                flush=True,
            )
    print(f"{count} jobs, {over} above the formula; the largest took {most:.0%} of it ({stylist.info.precision})")
    return 1 if over else 0


def _peak(stylist: Stylist, order: Order) -> int:
    """Return the peak of this process's resident bytes during a transfer."""
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
    stylist.transfer(order, lambda progress: None)
    peak = peak_memory()
    give_back_memory()
    return peak


def _idle() -> int:
    """Return the resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


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
