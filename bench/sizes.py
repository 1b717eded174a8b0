"""Seconds an iteration and peak memory by size, ours beside pastiche's, as whole processes.

Each is run with two numbers of iterations; the difference leaves out the start and the style pass.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from skimage import data

from scripts.paint import paint

ROOT = Path(__file__).resolve().parent.parent
STEPS = (2, 8)
DEFAULT_STEPS = 60  # for the row's "60 iterations", an extrapolation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024])
    sizes = parser.parse_args().sizes
    print("| long edge | s/iteration | 60 iterations | peak memory | pastiche s/iteration | peak memory | ratio |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        content, style, output = (str(Path(folder) / name) for name in ("content.png", "style.png", "output.png"))
        Image.fromarray(data.coffee()).save(content)
        paint(768, 7).save(style)
        for size in sizes:
            ours, our_memory = measured(lambda n, s=size: ours_command(content, style, output, s, n))
            theirs, their_memory = measured(lambda n, s=size: pastiche_command(content, style, output, s, n))
            print(
                f"| {size} px | {ours:.2f} | {ours * DEFAULT_STEPS:.0f} s | {our_memory:.1f} GB "
                f"| {theirs:.2f} | {their_memory:.1f} GB | {theirs / ours:.1f} |",
                flush=True,
            )


def ours_command(content: str, style: str, output: str, size: int, steps: int) -> list[str]:
    command = [sys.executable, "-m", "service", "stylize", content, "--style", style, "-o", output]
    return [*command, "--size", str(size), "--iterations", str(steps)]


def pastiche_command(content: str, style: str, output: str, size: int, steps: int) -> list[str]:
    command = [sys.executable, "-m", "pastiche", "--content", content, "--styles", style, "--output", output]
    return [*command, "--size", str(size), "--style-size", str(size), "--num-steps", str(steps), "--no-verbose"]


def measured(command: Callable[[int], list[str]]) -> tuple[float, float]:
    """Seconds an iteration, and the peak memory in GB."""
    few, many = (run(command(steps)) for steps in STEPS)
    return (many[0] - few[0]) / (STEPS[1] - STEPS[0]), max(few[1], many[1])


def run(command: list[str]) -> tuple[float, float]:
    """Wall seconds and peak memory in GB of a process."""
    begun = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return time.monotonic() - begun, usage.ru_maxrss / 1e6


if __name__ == "__main__":
    main()
