"""Presets: styles that the service keeps by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STYLES = "/v1/styles"  # path of all presets


@dataclass(frozen=True)
class Style:
    """A preset. `resource` is all that the service says of it."""

    resource: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.resource["name"])

    @property
    def description(self) -> str:
        return str(self.resource.get("description") or "")

    @property
    def painter(self) -> str:
        """Status of its painter: `none`, `queued`, `learning`, `ready` or `failed`."""
        return str(self.resource["painter"])

    @property
    def has_painter(self) -> bool:
        """Whether its painter (`method="painter"`) has learned and is compared; before that it may paint, too."""
        return self.painter == "ready"
