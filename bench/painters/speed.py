"""How fast painters paint: over HTTP, by a service with two workers and a painter worker, and the network alone.

A picture's time is from the POST, with `Prefer: wait`, until the last byte of the picture has come. The content comes
as a JPEG of the output's size, and the preset is warm. "Beside" means that an optimisation runs at the same time.
Losses of earlier pictures are measured before. The memory is that of the service's largest process at its peak, while
it paints that size.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from front_door import RunningService, b64

from bench import engine
from bench.measure import Stopwatch, alone
from bench.painters.photographs import of_skimage
from bench.painters.plan import Plan
from bench.report import Results, seconds, table
from service.painters.sessions import PainterSession
from service.painters.weights import PainterWeights
from service.pictures import images
from service.pictures.images import digest
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.records import PresetPainter
from service.styles.preset_painters import PackedPainter, PresetPainters
from service.styles.starters.loading import STARTERS, Starter

TITLE = "How fast painters paint"
PHOTOGRAPH = "coffee"
SIZES = (512, 1024)  # pixels, before the plan's largest
MIDDLE = 512
CALLERS = 4  # at once, for the throughput
LONG = {"size": 512, "iterations": 5000, "tolerance": 0}
WORKERS = 2
PAINTERS = 1
START_S = 60
JUDGED_S = 600
_JUDGING = re.compile(r'^nst_jobs\{kind="(judge|compare)",lane="\w+",status="(queued|running)"\} [1-9]', re.MULTILINE)


def measure(plan: Plan, save: Callable[[Results], None]) -> Results:
    """Return seconds, bytes, and pictures per second."""
    if not plan.starters():
        return {}
    starter = plan.starters()[0]
    middle = min(MIDDLE, plan.large)
    results: Results = {"size": middle, "network_s": alone(network, plan.painter(starter), middle, plan.repeats)}
    with _service(plan, starter) as service:
        results["alone"] = _spread(_times(service, starter, middle, plan.repeats))
        results["per_second"] = _throughput(service, starter, middle, plan.repeats)
        with _optimisation(service, starter):
            results["beside"] = _spread(_times(service, starter, middle, plan.repeats))
        save(results)
        results["sizes"] = [_at(service, starter, size, plan) for size in _sizes(plan)]
    save(results)
    return results


def _sizes(plan: Plan) -> list[int]:
    return [*(size for size in SIZES if size < plan.large), plan.large]


def network(file: Path, size: int, repeats: int) -> dict[str, float]:
    """Return the seconds of one pass, on all cores and on one."""
    pixels = images.resize_long_edge(of_skimage(PHOTOGRAPH), size).astype(np.float32) / np.float32(255)
    weights = PainterWeights.from_bytes(file.read_bytes())
    found = {}
    for name, threads in (("all cores", torch.get_num_threads()), ("one core", 1)):
        session = PainterSession(weights, threads)
        session.paint(pixels)
        times = []
        for _ in range(repeats):
            clock = Stopwatch()
            session.paint(pixels)
            times.append(clock.seconds())
        found[name] = median(times)
    return found


@contextmanager
def _service(plan: Plan, starter: Starter) -> Iterator[RunningService]:
    """Run a service whose starters have the plan's painters."""
    with (
        TemporaryDirectory() as folder,
        RunningService(
            engine.MODEL, Path(folder), starters="on", workers=WORKERS, painters=PAINTERS, threads=0
        ) as service,
    ):
        _until(lambda: len(service.get("/v1/styles?limit=100").json()["items"]) == len(STARTERS))
        _give(plan, starter, Path(folder))
        _until(lambda: service.get(f"/v1/styles/{starter.name}/painter").json()["status"] == "ready")
        _until(lambda: service.log.read_text().count("is ready") >= WORKERS + PAINTERS)
        for _ in range(2 * WORKERS):  # both workers load what they need
            _paint(service, starter, _content(min(MIDDLE, plan.large)), min(MIDDLE, plan.large))
        yield service


def _give(plan: Plan, starter: Starter, folder: Path) -> None:
    """Give the preset the plan's painter, unless it has one that came with the service."""
    data = plan.painter(starter).read_bytes()
    learned = PainterWeights.from_bytes(data)
    painter = PackedPainter(data, PresetPainter(sha256=digest(data), model=learned.model, size=learned.size))
    database = Database(f"sqlite:///{folder}/service.db")
    painters = PresetPainters(database, Blobs((folder / "blobs").as_uri()))
    painters.put_once("bench", starter.name, painter, lambda row: True)
    database.close()


def _content(size: int) -> str:
    picture = images.resize_long_edge(of_skimage(PHOTOGRAPH), size)
    return b64(images.encode(picture, "jpeg"))


def _times(service: RunningService, starter: Starter, size: int, repeats: int) -> list[float]:
    _until(lambda: not _JUDGING.search(service.get("/metrics").text), JUDGED_S)
    content = _content(size)
    return [_paint(service, starter, content, size) for _ in range(repeats)]


def _paint(service: RunningService, starter: Starter, content: str, size: int) -> float:
    """Return the seconds from the POST to the whole picture."""
    body: dict[str, Any] = {"content": content, "styles": [{"preset": starter.name}], "size": size}
    clock = Stopwatch()
    job = service.post(body | {"method": "painter"}, Prefer="wait=60").json()
    if job.get("status") in ("queued", "running"):
        job = service.ended(job["id"], 600)
    if job.get("status") != "succeeded":
        raise RuntimeError(f"the painter did not paint: {job}")
    service.get(job["links"]["image"]).raise_for_status()
    return clock.seconds()


def _at(service: RunningService, starter: Starter, size: int, plan: Plan) -> Results:
    """Return median seconds and peak bytes at one size."""
    processes = service.children("service")
    for process in processes:
        Path(f"/proc/{process}/clear_refs").write_text("5")  # begins the peak anew
    times = _times(service, starter, size, plan.repeats if size <= MIDDLE else max(1, plan.repeats // 10))
    return {"size": size, "median_s": median(times), "peak_bytes": max(_peak(process) for process in processes)}


def _peak(process: int) -> int:
    """Return the peak resident bytes of a process; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def _throughput(service: RunningService, starter: Starter, size: int, repeats: int) -> float:
    """Return pictures per second with several callers at once."""
    content = _content(size)
    with ThreadPoolExecutor(CALLERS) as pool:
        clock = Stopwatch()
        list(pool.map(lambda _: _paint(service, starter, content, size), range(repeats * 2)))
    return repeats * 2 / clock.seconds()


@contextmanager
def _optimisation(service: RunningService, starter: Starter) -> Iterator[None]:
    """Keep one worker busy with an optimisation."""
    id = service.post({"content": _content(MIDDLE), "styles": [{"preset": starter.name}]} | LONG).json()["id"]
    _until(lambda: service.job(id)["progress"]["iteration"] > 0)
    yield
    if service.job(id)["status"] != "running":
        raise RuntimeError("the optimisation did not run all the time")
    service.cancel(id)
    service.ended(id)


def _until(condition: Callable[[], bool], at_most_s: float = START_S) -> None:
    end = time.monotonic() + at_most_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the service isn't as far as it should be")
        time.sleep(0.05)


def _spread(times: list[float]) -> dict[str, float]:
    """Return the median and the 95th percentile."""
    return {"median": median(times), "p95": quantiles(times, n=20, method="inclusive")[-1]}


def render(results: Results) -> str:
    """Write a table with one row for each figure."""
    if not results:
        return "No starter has a painter."
    size = f"{results['size']} px"
    rows = [
        [f"POST to picture, {size}, {words}, {name}", seconds(results[which][name])]
        for which, words in (("alone", "idle service"), ("beside", "beside an optimisation"))
        for name in ("median", "p95")
    ]
    rows += [[f"the network alone, {size}, {name}", seconds(taken)] for name, taken in results["network_s"].items()]
    rows += [
        [f"POST to picture, {one['size']} px (largest process)",
         f"{seconds(one['median_s'])} ({one['peak_bytes'] / 1e9:.2f} GB)"]
        for one in results["sizes"]
    ]  # fmt: skip
    rows += [[f"pictures of {size} per second, {CALLERS} callers", f"{results['per_second']:.2f}"]]
    return table(("what", "measured"), rows)
