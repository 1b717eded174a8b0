"""What a soak may not show: lost and failed jobs, wrong answers, slow light requests, and what grows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from bench.soak.probe import Answers
from bench.soak.processes import Sample
from bench.soak.tenant import Tenant

SLOWEST_MS = 250.0  # the 99th percentile of light requests at most
GROWTH = 1.15  # how many times more the last third may take than the one before
SLACK = {"memory": 32 * 2**20, "threads": 3, "files": 12, "disk": 16 * 2**20}  # and so much more
FEWEST = 9  # samples that can be compared


def findings(tenants: Sequence[Tenant], light: Answers, samples: Sequence[Sample]) -> list[str]:
    """Return a line for each thing that is wrong."""
    return [*_of_jobs(tenants), *_of_light(light), *_of_growth(samples)]


def _of_jobs(tenants: Sequence[Tenant]) -> Iterator[str]:
    for tenant in tenants:
        yield from tenant.wrong
        for id in tenant.unfinished():
            yield f"job {id} was accepted, and has not ended: {tenant.statuses[id]}"
        for id, error in tenant.errors.items():
            yield f"job {id} failed: {error}"


def _of_light(light: Answers) -> Iterator[str]:
    yield from light.wrong
    for asked, figures in light.percentiles().items():
        if figures["p99_ms"] > SLOWEST_MS:
            yield f"{asked}: 99 % of the answers took up to {figures['p99_ms']:.0f} ms"


def _of_growth(samples: Sequence[Sample]) -> Iterator[str]:
    for name, (before, after) in thirds(samples).items():
        if after > GROWTH * before + SLACK[name.rpartition(" ")[2]]:
            yield f"{name} grew from {before:,.0f} to {after:,.0f}"


def thirds(samples: Sequence[Sample]) -> dict[str, tuple[float, float]]:
    """Return the medians of the second and of the last third of the samples, by what was measured."""
    third = len(samples) // 3
    if len(samples) < FEWEST:
        return {}
    names = [name for name in samples[-1] if name not in ("seconds", "load")]
    middle, last = samples[third : 2 * third], samples[2 * third :]
    return {
        name: (median(one.get(name, 0.0) for one in middle), median(one.get(name, 0.0) for one in last))
        for name in names
    }
