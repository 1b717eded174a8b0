"""What painters' pictures are worth: total objective, structure and seconds beside the optimiser's default.

Totals are of the delivered 8-bit pictures at their size, with default options. All figures are means over pairs of a
starter and a held-out photograph. A painting's seconds include those for its losses; the preset is warm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import islice
from statistics import mean

from bench.painters.paintings import OPTIMISER, Painted, Paintings
from bench.painters.photographs import held_out, missing
from bench.painters.plan import Plan
from bench.report import Results, ratio, seconds, table
from service.styles.starters.loading import Starter

TITLE = "Painters beside the optimiser"
COLUMNS = ("long edge", "method", "pairs", "total / optimiser's", "total", "content", "style", "CFSD", "time")
WORST = 3  # pairs with the largest ratio that are named


def measure(plan: Plan, save: Callable[[Results], None]) -> Results:
    """Return losses and seconds of every painting; `save` gets the results so far after each pair."""
    photographs = held_out()
    paintings = Paintings(plan, photographs)
    results: Results = {"missing": missing(), "photographs": list(photographs), "paintings": []}
    for size, most in plan.pairs.items():
        for starter, photograph in pairs(plan.starters(), list(photographs), most):
            for method in paintings.methods():
                painted, _ = paintings.paint(method, starter, photograph, size)
                results["paintings"].append(vars(painted))
            save(results)
            print(f"  {size} px: {starter.name}, {photograph}", flush=True)
    return results


def pairs(starters: Sequence[Starter], photographs: Sequence[str], most: int) -> list[tuple[Starter, str]]:
    """Return at most so many pairs; the first ones have each starter once, with different photographs."""
    count = len(photographs)
    rounds = ((starter, photographs[(i + k) % count]) for k in range(count) for i, starter in enumerate(starters))
    return list(islice(rounds, most))


def render(results: Results) -> str:
    """Write the table of sizes and methods, the totals of each starter, and the worst pairs."""
    painted = [Painted(**one) for one in results["paintings"]]
    if not painted:
        return "No starter has a painter."
    reference = {_pair(one): one.total for one in painted if one.method == OPTIMISER}
    groups: dict[tuple[int, str], list[Painted]] = defaultdict(list)
    for one in painted:
        groups[one.size, one.method].append(one)
    rows = [_row(size, method, group, reference) for (size, method), group in groups.items()]
    worst = sorted(
        (one for one in painted if one.method == "painter"), key=lambda one: -one.total / reference[_pair(one)]
    )
    named = [f"{one.starter} on {one.photograph} {one.total / reference[_pair(one)]:.2f}" for one in worst[:WORST]]
    left_out = f"\n\nNot there: {', '.join(results['missing'])}." if results["missing"] else ""
    return f"{table(COLUMNS, rows)}\n\nThe painters' worst: {', '.join(named)}.{left_out}"


def _pair(painted: Painted) -> tuple[int, str, str]:
    return painted.size, painted.starter, painted.photograph


def _row(size: int, method: str, group: Sequence[Painted], reference: dict[tuple[int, str, str], float]) -> list[str]:
    ratios = mean(one.total / reference[_pair(one)] for one in group)
    losses = [f"{mean(getattr(one, name) for one in group):.3f}" for name in ("total", "content", "style")]
    distance, taken = mean(one.cfsd for one in group), mean(one.seconds for one in group)
    return [f"{size} px", method, str(len(group)), ratio(ratios), *losses, f"{distance:.3g}", seconds(taken)]
