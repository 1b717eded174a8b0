"""python -m bench.estimates: how near estimates come to what jobs then take, over HTTP with one worker.

First a mix of jobs is painted, from which the service learns its speed. Then jobs of another mix are estimated and
submitted, one after another, so that later ones wait. Two factors are printed for them: seconds taken over seconds
estimated, and the same for the wait in the queue. It takes half an hour; `--largest 256` takes a quarter of that.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from front_door import RunningService, b64

from bench import engine
from bench.painters.photographs import OWN, of_skimage
from service.pictures import images

NEAR = 1.5  # factor within which nine of ten should lie
PRESETS = ("mosaic", "strokes", "ink", "waves")
SIZES, ITERATIONS, OPTIMIZERS = (128, 192, 256, 384, 512), (20, 50, 90), ("lbfgs", "lbfgs", "adam")
LEARNED, MOST_S = 20, 900.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.estimates", description=__doc__)
    parser.add_argument("--jobs", type=int, default=40, help="how many jobs are estimated")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="pixels on the long edge of the largest jobs")
    arguments = parser.parse_args()
    sizes = [size for size in SIZES if size <= arguments.largest]
    with TemporaryDirectory() as folder, RunningService(engine.MODEL, Path(folder), starters="on") as service:
        for body in _mix(LEARNED, sizes, seed=1):
            _ended(service, service.post(body).json()["id"])
        estimated = []
        for body in _mix(arguments.jobs, sizes, seed=2):
            estimate = service.post_to("/v1/estimates", body).json()
            estimated.append((estimate, service.post(body).json()["id"]))
        taken, waited = [], []
        for estimate, id in estimated:
            timings = _ended(service, id)["timings"]
            taken.append((timings["total_s"] - timings["queued_s"]) / estimate["seconds"])
            if estimate["queue"]["eta_seconds"]:
                waited.append(timings["queued_s"] / estimate["queue"]["eta_seconds"])
    _print("seconds taken / estimated", taken)
    _print("seconds waited / estimated", waited)


def _mix(count: int, sizes: Sequence[int], seed: int) -> Iterator[dict[str, Any]]:
    """Yield random bodies of transfers of these sizes: iterations, optimisers, presets and styles of their own."""
    chosen = random.Random(seed)  # noqa: S311 - nothing secret
    pictures = [b64(images.encode(of_skimage(name))) for name in OWN]
    for _ in range(count):
        own = {"image": chosen.choice(pictures)}
        yield {
            "content": chosen.choice(pictures),
            "styles": [chosen.choice([*({"preset": name} for name in PRESETS), own])],
            "size": chosen.choice(sizes),
            "iterations": chosen.choice(ITERATIONS),
            "optimizer": chosen.choice(OPTIMIZERS),
        }


def _ended(service: RunningService, id: str) -> dict[str, Any]:
    job: dict[str, Any] = service.ended(id, MOST_S)
    if job["status"] != "succeeded":
        raise RuntimeError(f"the job {id} is {job['status']}: {job['error']}")
    return job


def _print(what: str, factors: Sequence[float]) -> None:
    near = sum(1 / NEAR <= factor <= NEAR for factor in factors)
    lowest, highest = min(factors), max(factors)
    print(f"{what}: {near} of {len(factors)} within {NEAR}, from {lowest:.2f} to {highest:.2f}")


if __name__ == "__main__":
    main()
