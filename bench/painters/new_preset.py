"""How soon a new preset paints well: its painter's total beside the optimiser's, minutes after its learning began.

Each painting is a preset of its own. Four are classics from the folder that BENCH_IMAGES names, the others are drawn.
Each learns in runs of several lengths, because the length sets the pace: the rate falls towards the run's end. The
minutes are those of learning, without the judging. The last column is how a run's total at that time compares with
that of the longest run at its end. Where there are photographs of a user's domain, each preset learns from them too,
and every painter is judged on some of them that none has learned from.
"""

from __future__ import annotations

import itertools
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean

import numpy as np

from bench import engine
from bench.painters.photographs import held_out
from bench.painters.plan import Plan
from bench.report import Results, ratio, table
from scripts.starters import strokes
from service.config import Settings
from service.decoding import files
from service.engine.losses import Losses
from service.jobs.tasks import learned_sizes
from service.options import TransferOptions
from service.painters.course import Course, Material
from service.painters.starters import painters_of
from service.painting.order import Order
from service.painting.stylist import Stylist
from service.pictures import images
from service.pictures.images import ImageFile, Picture
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.styles.style import Style

TITLE = "How soon a new preset paints well"
COLUMNS = (
    "learns from", "run", "after", "presets", "total / optimiser's", "total", "of the domain: total / optimiser's",
    "total / longest run's last",
)  # fmt: skip
CLASSICS = ("starry_night.jpg", "the_scream.jpg", "shipwreck.jpg", "seated-nude.jpg")
DRAWN = (8, 9, 10, 11, 12)  # seeds of paintings, where there are too few classics
DRAWN_SIZE = 768  # pixels
SIZE = 512  # pixels that the presets learn for
MOST_PHOTOGRAPHS = 64


def measure(plan: Plan, save: Callable[[Results], None]) -> Results:
    """Return totals by time, one entry for each painting, source of pictures, run and time."""
    stylist = Stylist.from_settings(Settings(model=engine.MODEL), Blobs("memory:///"))
    photographs = _photographs(plan)
    learned, domain = photographs[: -plan.judges], photographs[-plan.judges :]
    judges = {"": list(held_out().values())[: plan.judges]} | ({"domain_": domain} if domain else {})
    size = SIZE if SIZE in plan.pairs else min(plan.pairs)
    results: Results = {"size": size, "photographs": len(learned), "judged": []}
    for name, file in _paintings()[: plan.paintings]:
        preset = _Preset(stylist, Style((StyleImage(file),)), size, judges)
        for source, pictures in _sources(learned).items():
            for minutes in plan.minutes:
                for entry in preset.learn(pictures, minutes, plan):
                    results["judged"].append({"painting": name, "source": source, "run": minutes} | entry)
                    save(results)
                print(f"  {name}, {source}, {minutes:g} minutes", flush=True)
    return results


class _Preset:
    """A preset that learns, judged on held-out photographs, whose groups have names."""

    def __init__(self, stylist: Stylist, style: Style, size: int, judges: Mapping[str, Sequence[Picture]]) -> None:
        self._stylist = stylist
        self._size = size
        self._options = TransferOptions(size=size)
        sizes = learned_sizes(size)
        grams = stylist.grams([style], list(sizes.values()))
        self._grams = {octaves: grams[at] for octaves, at in sizes.items()}
        self._orders = {
            group: [Order(images.resize_long_edge(one, size), [style], self._options) for one in pictures]
            for group, pictures in judges.items()
        }
        self._reference = self._means(
            "reference", lambda order: stylist.transfer(order, lambda progress: None).result.losses
        )

    def learn(self, photographs: Sequence[Picture], minutes: float, plan: Plan) -> Iterator[dict[str, float]]:
        """Yield the minutes and the mean total of the painter at each mark, and at the end."""
        material = Material(self._grams, self._size, photographs)
        beginnings = painters_of(self._stylist.info.model)
        clock = _counted(*plan.pace) if plan.pace else time.monotonic
        course = Course(
            self._stylist.encoder, self._options, material, minutes * 60, beginnings=beginnings, clock=clock
        )
        for mark in sorted({*(mark for mark in plan.marks if mark < minutes), minutes}):
            while not course.ended and course.standing.seconds < mark * 60:
                course.step()
            about = {"mark": mark, "minutes": course.standing.seconds / 60, "steps": float(course.steps)}
            totals = self._means(
                "total", lambda order: self._stylist.score(order, course.paint(order.content)).losses
            )
            yield about | totals | self._reference

    def _means(self, name: str, losses: Callable[[Order], Losses]) -> dict[str, float]:
        """Return the mean total of each group of orders; the group's name precedes `name`."""
        return {
            f"{group}{name}": mean(losses(order).total for order in orders) for group, orders in self._orders.items()
        }


def _counted(first: float, step: float) -> Callable[[], float]:
    """Return a clock on which the first step takes `first` seconds, each other step and each check `step` seconds."""
    return itertools.accumulate(itertools.chain((0.0, first), itertools.repeat(step))).__next__


def _paintings() -> list[tuple[str, ImageFile]]:
    """Return paintings by name: the classics that are there, then drawn ones."""
    folder = Path(os.environ.get("BENCH_IMAGES", "."))
    found = [(name, (folder / name).read_bytes()) for name in CLASSICS if (folder / name).is_file()]
    drawn = ((f"drawn-{seed}", np.asarray(strokes.draw(DRAWN_SIZE, seed))) for seed in DRAWN)
    found += [(name, images.encode(picture)) for name, picture in drawn] if len(found) < len(DRAWN) else []
    return [(name, files.check_image(data)) for name, data in found]


def _sources(photographs: list[Picture]) -> dict[str, list[Picture]]:
    """Return what presets learn from: drawn pictures alone, and photographs too where there are some."""
    return {"drawn pictures": []} | ({f"{len(photographs)} photographs too": photographs} if photographs else {})


def _photographs(plan: Plan) -> list[Picture]:
    """Return MOST_PHOTOGRAPHS of the plan's folder, reduced as a worker reduces them, and those that judge."""
    if plan.photographs is None:
        return []
    largest = max(learned_sizes(SIZE).values())
    most = MOST_PHOTOGRAPHS + plan.judges
    pictures = [files.decode(path.read_bytes()) for path in sorted(plan.photographs.iterdir())[:most]]
    return [images.resize_long_edge(one, min(largest, max(one.shape[:2]))) for one in pictures]


def render(results: Results) -> str:
    """Write a table with a row for each source, run and time: means over the paintings."""
    groups: dict[tuple[str, float, float], list[Results]] = defaultdict(list)
    for entry in results["judged"]:
        groups[entry["source"], entry["run"], entry["mark"]].append(entry)
    longest = max(run for _, run, _ in groups)
    last = {
        (entry["painting"], entry["source"]): entry["total"]
        for entry in results["judged"]
        if entry["run"] == entry["mark"] == longest
    }
    rows = []
    for (source, run, mark), entries in groups.items():
        ratios = mean(entry["total"] / entry["reference"] for entry in entries)
        domain = [entry["domain_total"] / entry["domain_reference"] for entry in entries if "domain_total" in entry]
        ends = [last.get((entry["painting"], source)) for entry in entries]
        final = [entry["total"] / end for entry, end in zip(entries, ends, strict=True) if end]
        total = f"{mean(entry['total'] for entry in entries):.3f}"
        shown = ratio(mean(final)) if final else ""
        of_domain = ratio(mean(domain)) if domain else ""
        rows.append([source, f"{run:g} min", f"{mark:g} min", len(entries), ratio(ratios), total, of_domain, shown])
    return table(COLUMNS, rows)
