"""Scores: the losses of any picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nst_client.jobs import Job


class Score(Job):
    """The losses of a picture, as a transfer with these options would count them."""

    collection = "/v1/scores"

    @property
    def losses(self) -> Mapping[str, float]:
        """`content`, `style`, `tv` and `total`."""
        losses: Mapping[str, float] = self.resource["losses"]
        return losses

    @property
    def layers(self) -> Mapping[str, Any]:
        """The losses of each layer, before their weights."""
        layers: Mapping[str, Any] = self.resource["layers"]
        return layers
