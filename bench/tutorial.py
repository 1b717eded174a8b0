"""Seconds until our delivered picture has losses no higher than that of a loop as in PyTorch's tutorial.

Clock and judge are those of bench.race. There is one size only.
"""

from __future__ import annotations

from bench import peers
from bench.contest import cell, curve, entry, met
from bench.judge import Judge
from bench.measure import alone
from bench.pictures import pair
from bench.plan import Plan
from bench.race import RACE
from bench.report import Results, ratio, table, yes

TITLE = "Ours against a loop as in PyTorch's tutorial: seconds (content loss, style loss)"
COLUMNS = ("long edge", "tutorial's loop", "ours", "both met", "time ratio")


def measure(plan: Plan) -> Results:
    """Return the seconds and losses of both, and the loop's objective over time."""
    size = plan.middle
    pictures = pair(plan.pair).at(size)
    with pictures.files() as files:
        theirs = alone(peers.tutorial, *files, plan.steps)
        race = alone(peers.ours, *files, plan.options(size, RACE))
    judge = Judge(pictures)
    judged = {"tutorial": entry(theirs, judge), "race": entry(race, judge)}
    curves = {"tutorial": curve(theirs, judge)}
    return {"pair": plan.pair, "steps": plan.steps, "size": size, **judged, "curves": curves}


def render(results: Results) -> str:
    """Write a table of one row."""
    theirs, race = results["tutorial"], results["race"]
    quotient = ratio(theirs["seconds"] / race["seconds"])
    row = [f"{results['size']} px", cell(theirs), cell(race), yes(met(race, theirs)), quotient]
    return table(COLUMNS, [row])
