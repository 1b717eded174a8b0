"""The response body of an estimate."""

from __future__ import annotations

from pydantic import BaseModel

from service.api.schemas.described import described
from service.api.schemas.responses import Problem
from service.api.schemas.usage_responses import PlaceOut


class EstimateOut(BaseModel):
    """What a transfer would take, if it were submitted now."""

    cost: float = described("Megapixel-evaluations, if it needs all its iterations.", 9.4, ge=0)
    style_cost: float = described(
        "Megapixel-evaluations that its style pictures add if none of their Gram matrices are cached, and reading "
        "its files. `daily_cost` counts them too, until it ends.",
        0.26,
        ge=0,
    )
    seconds: float | None = described(
        "Seconds from its begin to its end, from how long jobs took here lately; null before one has ended.", 16.0
    )
    memory_bytes: int = described("Memory that a worker takes for it at its peak, in bytes.", 1147000000, ge=0)
    bytes_out: int = described(
        "Bytes that its pictures take at most, or nearly so: until it ends they count for `stored_mb`.", 593920, ge=0
    )
    queue: PlaceOut = described("Its place among the jobs that wait.", {"position": 3, "eta_seconds": 31.0})
    allowed: bool = described("Whether it would be taken in, as far as limits and the disk go.", True)
    refusal: Problem | None = described("The problem that it would get; null if it is allowed.", None, None)
