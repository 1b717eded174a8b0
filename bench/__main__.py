"""python -m bench: measure the figures of docs/benchmarks.md, print their tables, write results.json and a plot.

Every section runs in processes of its own; one after another, so that none takes another's cores.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Protocol

from bench import (
    convolutions,
    memory,
    overhead,
    pictures,
    plot,
    preview,
    queue,
    race,
    report,
    style_pass,
    tiles,
    tutorial,
)
from bench.measure import Stopwatch, alone
from bench.plan import FULL, QUICK, Plan
from bench.report import Results
from service.machine.threads import let_idle_threads_sleep


class Section(Protocol):
    """A module with one section of the benchmark."""

    TITLE: str

    def measure(self, plan: Plan) -> Results: ...
    def render(self, results: Results) -> str: ...


SECTIONS: dict[str, Section] = {  # the longest last
    "convolutions": convolutions,
    "style_pass": style_pass,
    "preview": preview,
    "overhead": overhead,
    "queue": queue,
    "tutorial": tutorial,
    "memory": memory,
    "tiles": tiles,
    "race": race,
}
HERE = Path(__file__).resolve().parent


def main() -> None:
    args = _arguments()
    let_idle_threads_sleep()
    folder = args.out or (Path(tempfile.mkdtemp(prefix="bench-")) if args.quick else HERE)
    folder.mkdir(parents=True, exist_ok=True)
    plan = (QUICK if args.quick else FULL).at(args.pair, tuple(args.sizes or ()))
    results = report.read(folder) | {"machine": report.machine()}
    clock = Stopwatch()
    for name in args.only or SECTIONS:
        section = SECTIONS[name]
        results[name] = alone(section.measure, plan)
        report.write(folder, results)
        print(f"\n### {section.TITLE}\n\n{section.render(results[name])}", flush=True)
    plot.draw(results, folder)
    print(f"\n{clock.seconds() / 60:.1f} minutes; results and plot are in {folder}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, help="these sections alone; the others' results stay")
    parser.add_argument("--sizes", type=int, nargs="+", help="long edges of the race in pixels")
    parser.add_argument("--pair", choices=pictures.names(), default=FULL.pair, help="the pictures")
    parser.add_argument("--quick", action="store_true", help="a smoke run, tiny and short, into a temporary folder")
    parser.add_argument("--out", type=Path, help="folder of results.json and objective.png; by default bench/")
    return parser.parse_args()


if __name__ == "__main__":
    main()
