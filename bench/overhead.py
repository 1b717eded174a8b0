"""Milliseconds of a job beyond its style pass and its optimisation, over the HTTP API of a running service.

"Inside" is the job's total_s - style_s - optimize_s: queue, database, blobs, decoding and encoding. "Outside" is the
same with the seconds that the caller waits for the answer to its POST (`Prefer: wait`) in place of total_s.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from front_door import RunningService, b64

from bench import engine
from bench.measure import Stopwatch
from bench.pictures import pair
from bench.plan import Plan
from bench.report import Results, seconds, table
from service.pictures import images

TITLE = "What the API adds to a small job"
COLUMNS = ("long edge", "iterations", "job", "added inside", "added outside", "outside / job")
SIZE = 256  # pixels, long edge
ITERATIONS = 10


def measure(plan: Plan) -> Results:
    """Return seconds, medians over the plan's repeats."""
    pictures = pair(plan.pair)
    size, iterations = min(SIZE, plan.middle), plan.iterations or ITERATIONS
    body = {
        "content": b64(images.encode(pictures.content)),
        "styles": [{"image": b64(images.encode(pictures.style))}],
        "size": size,
        "iterations": iterations,
    }
    with TemporaryDirectory() as folder, RunningService(engine.MODEL, Path(folder), threads=0) as service:
        jobs = [_timed(service, body) for _ in range(plan.repeats + 1)][1:]  # the first one loads what it needs
    whole, inside, outside = (median(times) for times in zip(*jobs, strict=True))
    sizes = {"size": size, "iterations": iterations}
    return {"pair": plan.pair, **sizes, "job_s": whole, "inside_s": inside, "outside_s": outside}


def _timed(service: RunningService, body: dict[str, Any]) -> tuple[float, float, float]:
    """Return the seconds of a job for its caller, and those added to its work inside and outside the worker."""
    clock = Stopwatch()
    response = service.post(body, Prefer="wait=60")
    waited = clock.seconds()
    job = response.json()
    if job.get("status") != "succeeded":
        raise RuntimeError(f"the job did not succeed: {response.status_code} {response.text}")
    timings = job["timings"]
    work = timings["style_s"] + timings["optimize_s"]
    return waited, timings["total_s"] - work, waited - work


def render(results: Results) -> str:
    """Write a table of one row."""
    job, inside, outside = (results[f"{part}_s"] for part in ("job", "inside", "outside"))
    cells = [seconds(value) for value in (job, inside, outside)]
    return table(COLUMNS, [[f"{results['size']} px", results["iterations"], *cells, f"{outside / job:.3f}"]])
