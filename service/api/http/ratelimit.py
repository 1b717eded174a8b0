"""The fields RateLimit-Policy and RateLimit of draft-ietf-httpapi-ratelimit-headers-10."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from flask import Response

POLICY, LEFT = "RateLimit-Policy", "RateLimit"


class Quota(NamedTuple):
    """A limit, and what is left of it. Its fields have whole numbers, which promise no more than there is.

    Attributes:
        name: the limit's.
        most: what it allows.
        left: what is left.
        unit: what it counts; empty for requests.
        window_s: seconds for which `most` counts; None for what is counted at once.
        more_in_s: seconds until more is left; None where that isn't known.
    """

    name: str
    most: float
    left: float
    unit: str = ""
    window_s: float | None = None
    more_in_s: float | None = None

    def policy(self) -> str:
        """Return the limit as an item of RateLimit-Policy."""
        unit = f';qu="{self.unit}"' if self.unit else ""
        window = "" if self.window_s is None else f";w={math.ceil(round(self.window_s, 6))}"
        return f'"{self.name}";q={max(1, math.floor(self.most))}{unit}{window}'

    def state(self) -> str:
        """Return what is left as an item of RateLimit."""
        time = "" if self.more_in_s is None else f";t={math.ceil(self.more_in_s)}"
        return f'"{self.name}";r={max(0, math.floor(self.left))}{time}'


def add_fields(response: Response, quotas: Sequence[Quota]) -> None:
    """Add both fields to a response; none where there are no quotas."""
    if quotas:
        response.headers[POLICY] = ", ".join(quota.policy() for quota in quotas)
        response.headers[LEFT] = ", ".join(quota.state() for quota in quotas)
