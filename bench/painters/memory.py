"""Memory of a learning: the peak of a process that learns as a worker does, beside what the memory check counts."""

from __future__ import annotations

from collections.abc import Callable

from bench import engine
from bench.measure import alone, peak_memory
from bench.painters.plan import Plan
from bench.report import Results, table
from service.config import Settings
from service.jobs.tasks import learned_sizes
from service.machine.memory import BASE, LEARNING
from service.options import TransferOptions
from service.painters.course import Course, Material
from service.painting.stylist import Stylist
from service.storage.blobs import Blobs
from service.styles.starters.loading import STARTERS
from service.styles.style import Style

TITLE = "Memory of a learning"
COLUMNS = ("learned size", "steps", "peak", "the memory check counts")
SIZES = (512, 1024)  # pixels


def measure(plan: Plan, save: Callable[[Results], None]) -> Results:
    """Return bytes by learned size, each measured in a process of its own."""
    sizes = SIZES if max(plan.pairs) >= min(SIZES) else (min(plan.pairs),)
    rows = [{"size": size, "steps": plan.learning_steps} | alone(_peak, plan, size) for size in sizes]
    results: Results = {"rows": rows}
    save(results)
    return results


def _peak(plan: Plan, size: int) -> dict[str, int]:
    stylist = Stylist.from_settings(Settings(model=engine.MODEL), Blobs("memory:///"))
    sizes = learned_sizes(size)
    grams = stylist.grams([Style((STARTERS[0].image(),))], list(sizes.values()))
    material = Material({octaves: grams[at] for octaves, at in sizes.items()}, size)
    course = Course(stylist.encoder, TransferOptions(size=size), material, 3600.0)
    for _ in range(plan.learning_steps):
        course.step()
    course.to_bytes()
    return {"peak_bytes": peak_memory(), "counted_bytes": BASE + LEARNING[stylist.info.precision]}


def render(results: Results) -> str:
    """Write the table of sizes."""
    return table(
        COLUMNS,
        [
            [
                f"{row['size']} px",
                row["steps"],
                f"{row['peak_bytes'] / 1e9:.2f} GB",
                f"{row['counted_bytes'] / 1e9:.2f} GB",
            ]
            for row in results["rows"]
        ],
    )
