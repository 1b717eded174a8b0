"""Response bodies about what jobs cost and have cost."""

from __future__ import annotations

from pydantic import BaseModel, Field

from service.api.schemas.described import described


class UsageOut(BaseModel):
    """What a job has cost, all attempts together."""

    megapixel_evaluations: float = described(
        "Millions of pixels, times evaluations of losses and gradient, over levels and pictures. A painter's pass "
        "and the losses of the delivered picture count as one evaluation each.",
        7.9,
        ge=0,
    )
    compute_s: float = described(
        "CPU seconds of the worker, over all cores, with the reading of pictures; where a GPU computes, seconds.",
        31.5,
        ge=0,
    )
    bytes_in: int = described("Bytes of the pictures that came with the request.", 183000, ge=0)
    bytes_out: int = described("Bytes of the pictures that were made.", 412000, ge=0)


class JobsUsageOut(UsageOut):
    """What jobs that ended on some days have cost."""

    jobs: int = described("Jobs that ended.", 12, ge=0)


class TenantUsageOut(JobsUsageOut):
    """What the jobs of a tenant that ended on some days have cost."""

    tenant: str = described("Name of the tenant.", "default")
    day: str | None = described("The day in UTC, with `by=day`.", "2026-11-23", None)


class UsageReportOut(JobsUsageOut):
    """What jobs have cost: in all, and for each tenant, or for each tenant and day."""

    first: str = Field(alias="from", description="The first day, in UTC.", examples=["2026-11-01"])
    to: str = described("The last day, in UTC.", "2026-11-30")
    items: list[TenantUsageOut] = described("What adds up to it; days without jobs are left out.", [])


class PlaceOut(BaseModel):
    """A place among the jobs that wait."""

    position: int = described("1 is next.", 3, ge=1)
    eta_seconds: float | None = described(
        "Seconds until a worker takes it up, from how long jobs took here lately; null while no worker is alive, or "
        "while it isn't known how long a job before it takes.",
        31.0,
    )
