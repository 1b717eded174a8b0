"""Seconds until our delivered picture has losses no higher than the picture that pastiche 1.6.0 delivers.

Seconds are wall time of a whole transfer with the style's Grams, without imports and the loading of weights. The
losses are bench.judge's, of the 8-bit pictures at the end of each run.
"""

from __future__ import annotations

from typing import Any

from bench import peers
from bench.contest import cell, curve, entry, met
from bench.judge import Judge
from bench.measure import alone
from bench.peers import Run
from bench.pictures import pair
from bench.plan import Plan
from bench.report import Results, ratio, table, yes

TITLE = "Ours against pastiche, by size: seconds (content loss, style loss)"
RACE: dict[str, Any] = {"content_weight": 0.025, "tv_weight": 0.0, "iterations": 52, "levels": 3}
"""Our options for both losses as bench.judge weights them."""
RACE_OWN: dict[str, Any] = {
    "content_weight": 0.01,
    "tv_weight": 0.0,
    "iterations": 50,
    "levels": 2,
    "style_layers": {"relu1_1": 0.06, "relu2_1": 0.06, "relu3_1": 0.06, "relu4_1": 0.75, "relu5_1": 0.07},
}
"""Our options for the style loss in pastiche's own weighting of the layers."""
OURS: dict[str, dict[str, Any]] = {"race": RACE, "race_own": RACE_OWN, "default": {}}
COLUMNS = (
    "long edge", "pastiche", "ours", "both met", "time ratio",
    "pastiche, own style loss", "ours for it", "both met", "time ratio", "ours, default options",
)  # fmt: skip


def measure(plan: Plan) -> Results:
    """Return seconds and losses for each size; at the plan's middle size also the objective over time."""
    return {"pair": plan.pair, "steps": plan.steps, "rows": [_row(plan, size) for size in plan.sizes]}


def _row(plan: Plan, size: int) -> Results:
    pictures = pair(plan.pair).at(size)
    with pictures.files() as files:
        runs: dict[str, Run] = {"pastiche": alone(peers.pastiche, *files, size, plan.steps)}
        for name, chosen in OURS.items():
            runs[name] = alone(peers.ours, *files, plan.options(size, chosen))
    judge = Judge(pictures)
    row: Results = {"size": size} | {name: entry(run, judge) for name, run in runs.items()}
    if size == plan.middle:
        row["curves"] = {name: curve(runs[name], judge) for name in ("pastiche", "race", "default")}
    return row


def render(results: Results) -> str:
    """Write the table of sizes."""
    return table(COLUMNS, [_cells(row) for row in results["rows"]])


def _cells(row: Results) -> list[str]:
    theirs, race, own = row["pastiche"], row["race"], row["race_own"]
    return [
        f"{row['size']} px",
        cell(theirs),
        cell(race),
        yes(met(race, theirs)),
        ratio(theirs["seconds"] / race["seconds"]),
        cell(theirs, "peer_style"),
        cell(own, "peer_style"),
        yes(met(own, theirs, "peer_style")),
        ratio(theirs["seconds"] / own["seconds"]),
        cell(row["default"]),
    ]
