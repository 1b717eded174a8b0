"""python -m bench.painters: measure painters, print tables, write painters.json and the contact sheet painters.jpg.

Hours on two cores, with nothing else running. Each section can be measured alone, and the paintings are kept: what
was broken off goes on.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from bench import report
from bench.measure import Stopwatch, alone
from bench.painters import memory, new_preset, photographs, quality, sheet, speed
from bench.painters.plan import FULL, QUICK, Plan
from bench.painters.results import RESULTS, Saver
from bench.report import Results
from service.machine.threads import let_idle_threads_sleep


class Section(Protocol):
    """A module with one section; its `measure` hands over what it has so far."""

    TITLE: str

    def measure(self, plan: Plan, save: Callable[[Results], None]) -> Results: ...
    def render(self, results: Results) -> str: ...


SECTIONS: dict[str, Section] = {"speed": speed, "memory": memory, "quality": quality, "new_preset": new_preset}
SHEET = "sheet"
HERE = Path(__file__).resolve().parent
PICTURE = "painters.jpg"


def main() -> None:
    args = _arguments()
    if args.fetch:
        photographs.fetch()
        return
    let_idle_threads_sleep()
    folder = args.out or (Path(tempfile.mkdtemp(prefix="bench-")) if args.quick else HERE.parent)
    folder.mkdir(parents=True, exist_ok=True)
    plan, clock = _plan(args), Stopwatch()
    Saver(folder, "machine")(report.machine())
    for name in args.only or [*SECTIONS, SHEET]:
        if name == SHEET:
            alone(sheet.draw, plan, folder / PICTURE)
            continue
        section = SECTIONS[name]
        found = alone(section.measure, plan, Saver(folder, name))
        Saver(folder, name)(found)
        print(f"\n### {section.TITLE}\n\n{section.render(found)}\n", flush=True)
    print(f"{clock.seconds() / 60:.1f} minutes; results are in {folder}")


def _plan(args: argparse.Namespace) -> Plan:
    """Return the plan that the arguments ask for."""
    plan = QUICK if args.quick else FULL
    given = {name: value for name in ("painters", "photographs", "paintings") if (value := getattr(args, name))}
    if args.sizes:
        given["pairs"] = {size: FULL.pairs.get(size, max(FULL.pairs.values())) for size in args.sizes}
    plan = replace(plan, **given)
    if args.pairs:
        plan = replace(plan, pairs={size: min(args.pairs, most) for size, most in plan.pairs.items()})
    if args.pace:
        plan = replace(plan, pace=tuple(args.pace))
    return replace(plan, minutes=tuple(args.minutes)) if args.minutes else plan


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.painters", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[*SECTIONS, SHEET], help="these sections alone")
    parser.add_argument("--painters", type=Path, help="folder of the starters' painters; by default those committed")
    parser.add_argument("--sizes", type=int, nargs="+", help="long edges of the quality's paintings, in pixels")
    parser.add_argument("--pairs", type=int, help="at most so many pairs of a starter and a photograph at each size")
    parser.add_argument("--minutes", type=float, nargs="+", help="lengths of a new preset's runs")
    parser.add_argument(
        "--pace", type=float, nargs=2, metavar=("FIRST", "STEP"),
        help="seconds that a new preset's steps count, as on another machine, instead of those that they take",
    )  # fmt: skip
    parser.add_argument("--paintings", type=int, help="how many new presets learn")
    parser.add_argument("--photographs", type=Path, help="folder of photographs that new presets learn from too")
    parser.add_argument("--fetch", action="store_true", help="only download the held-out photographs of Debian")
    parser.add_argument("--quick", action="store_true", help="a smoke run, tiny and short, into a temporary folder")
    parser.add_argument("--out", type=Path, help=f"folder of {RESULTS} and {PICTURE}; by default bench/")
    return parser.parse_args()


if __name__ == "__main__":
    main()
