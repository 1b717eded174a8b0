"""Jobs that need the model."""

from __future__ import annotations

from dataclasses import dataclass

from service.errors import JobFailed
from service.jobs.request import StoredStyle
from service.painting.stylist import Stylist
from service.styles.preset_files import is_pack_of
from service.styles.style import Style
from service.worker.job import JobRun


@dataclass(frozen=True)
class EngineRun(JobRun):
    """Base of jobs that the engine carries out, or that share its process."""

    stylist: Stylist

    def carry_out(self) -> None:
        """Do the work as any job's; style images that it computes with count in its meter."""
        with self.stylist.counted(self.claim.meter.count_style):
            super().carry_out()

    def style(self, style: StoredStyle) -> Style:
        """Return a style as the engine uses it. Raises JobFailed for a pack of another model."""
        if style.pack is not None and not is_pack_of(style.pack.blob, self.stylist.info.model):
            raise JobFailed(f"the pack of {style.preset!r} is of another model than this worker's")
        return super().style(style)
