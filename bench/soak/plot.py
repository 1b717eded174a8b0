"""The plot of what the service's processes and files took during a soak."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from bench.report import Results
from service.machine.memory import MIB

COLOURS = {"web": "#0b6e4f", "worker": "#c1121f", "decoder": "#2a9d8f", "serve": "#6c757d"}
PANELS = {"memory": ("memory, MiB", MIB), "threads": ("threads", 1), "files": ("open files", 1)}


def draw(results: Results, file: Path) -> None:
    """Write a plot with memory, threads and open files by role of a process, and the disk; kills are ticks below."""
    mpl.use("Agg")
    figure, axes = plt.subplots(2, 2, figsize=(10, 6), layout="constrained", sharex=True)
    samples = results["samples"]
    minutes = [sample["seconds"] / 60 for sample in samples]
    for panel, (kind, (title, unit)) in zip(axes.flat, PANELS.items(), strict=False):
        for role, colour in COLOURS.items():
            values = [sample.get(f"{role} {kind}", 0) / unit for sample in samples]
            panel.plot(minutes, values, label=role, color=colour, linewidth=1.4)
        _dress(panel, title)
    disk = axes.flat[-1]
    disk.plot(minutes, [sample["disk"] / MIB for sample in samples], color="#333333", linewidth=1.4)
    _dress(disk, "disk, MiB")
    for role, killed in results["kills"].items():
        for panel in axes.flat:
            panel.plot([at / 60 for at in killed], [0] * len(killed), "|", color=COLOURS[role], markersize=9)
    axes.flat[0].legend(frameon=False, ncols=2)
    figure.suptitle(f"{results['minutes']:g} minutes at twice what two workers can do; ticks: kill -9")
    figure.savefig(file, dpi=110, metadata={"Software": None})
    plt.close(figure)


def _dress(axes: Axes, title: str) -> None:
    axes.set_title(title)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("minutes")
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
