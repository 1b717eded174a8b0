"""A profile of an evaluation: torch's profiler over a few, in percent of its operators' own CPU time."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from pathlib import Path

from torch.profiler import ProfilerActivity, profile

from bench import engine
from bench.pictures import pair
from bench.plan import FULL
from bench.report import seconds, table

EVALUATIONS = 5
FILE = Path(__file__).with_suffix(".md")
REST = "the rest"
GROUPS = {  # the first that fits counts
    "convolutions, backward": r"conv\w*_backward",
    "convolutions, forward": r"conv(?!ert)",
    "ReLU": r"relu|threshold|clamp_min",
    "pooling": r"pool",
    "Gram products": r"Gram|(^|_)(mm|bmm|addmm|matmul)\b",
    "additions": r"^(add|sub)_?\b",
}
COLUMNS = ("part", "share", "an evaluation", "operators, the slowest first")
NAMED = 3  # operators named for each part


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=FULL.middle, help="long edge in pixels")
    parser.add_argument("--write", action="store_true", help=f"also write the table to {FILE.name}")
    args = parser.parse_args()
    text = f"# Where an evaluation's time goes\n\n{_heading(args.size)}\n\n{_table(_operators(args.size))}\n"
    print(text)
    if args.write:
        FILE.write_text(text)


def _heading(size: int) -> str:
    return (
        f"The mean of {EVALUATIONS} evaluations of the objective with its gradient, {size} px on the long edge, "
        f"{engine.precision()}, by `python -m bench.profile --write`. Seconds are CPU time of the thread that calls "
        "the operators, which waits for the others."
    )


def _operators(size: int) -> Counter[str]:
    """Return each operator's own seconds in one evaluation."""
    once = engine.evaluation(pair(FULL.pair).at(size), FULL.options(size))
    once()
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(EVALUATIONS):
            once()
    taken: Counter[str] = Counter()
    for event in profiled.key_averages():
        taken[event.key.removeprefix("aten::")] += event.self_cpu_time_total / 1e6 / EVALUATIONS
    return taken


def _group(operator: str) -> str:
    return next((group for group, pattern in GROUPS.items() if re.search(pattern, operator)), REST)


def _table(operators: Counter[str]) -> str:
    whole = sum(operators.values())
    rows = []
    for group in (*GROUPS, REST):
        parts = Counter({name: taken for name, taken in operators.items() if _group(name) == group})
        named = ", ".join(f"`{name}`" for name, _ in parts.most_common(NAMED))
        rows.append((sum(parts.values()), group, named))
    cells = [
        [group, f"{100 * taken / whole:.1f} %", seconds(taken), named]
        for taken, group, named in sorted(rows, reverse=True)
    ]
    return table(COLUMNS, cells)


if __name__ == "__main__":
    main()
