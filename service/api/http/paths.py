"""The paths of the API, as opposed to the studio, the docs and the operators' pages."""

from __future__ import annotations

API = "/v1"


def is_api(path: str) -> bool:
    """Return whether a path lies under /v1, where keys are asked for."""
    return path == API or path.startswith(f"{API}/")
