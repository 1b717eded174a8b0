"""The plot of each contestant's objective over seconds."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.report import Results

PLOT = "objective.png"
TICKS = (1, 2, 3, 5)  # labelled in each decade
LOOKS = {  # curve -> label, colour
    "default": ("ours, default options", "#0b6e4f"),
    "race": ("ours, RACE options", "#2a9d8f"),
    "pastiche": ("pastiche 1.6.0", "#c1121f"),
    "tutorial": ("loop as in PyTorch's tutorial", "#6c757d"),
}


def draw(results: Results, folder: Path) -> None:
    """Write the plot of the curves in the results; without curves, write none."""
    rows = [row for row in results.get("race", {}).get("rows", ()) if "curves" in row]
    curves = {name: points for row in rows for name, points in row["curves"].items()}
    curves |= results.get("tutorial", {}).get("curves", {})
    if not curves:
        return
    size = rows[0]["size"] if rows else results["tutorial"]["size"]
    mpl.use("Agg")
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for name, (label, colour) in LOOKS.items():
        if name in curves:
            times, objectives = zip(*curves[name], strict=True)
            axes.plot(times, objectives, "o-", label=label, color=colour, markersize=3.5, linewidth=1.8)
            axes.plot(times[-1:], objectives[-1:], "o", color=colour, markersize=8)
    _dress(axes, size)
    figure.savefig(folder / PLOT, dpi=120, metadata={"Software": None})
    plt.close(figure)


def _dress(axes: Axes, size: int) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=TICKS))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("seconds since the start, style pass included")
    axes.set_ylabel("0.1 content + style, relative losses in float32")
    axes.set_title(f"Objective of the 8-bit picture that would be delivered, {size} px (large dot: the end)")
    axes.grid(visible=True, which="both", color="#dddddd", linewidth=0.6)
    axes.legend(frameon=False)
