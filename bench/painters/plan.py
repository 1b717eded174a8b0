"""The extent of a run of the painters' benchmark."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from service.styles.starters.loading import FOLDER, STARTERS, Starter

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Plan:
    """The extent of a run.

    Attributes:
        painters: folder of the starters' painters.
        work: folder of the paintings, so that a run that was broken off goes on.
        pairs: size in pixels -> how many pairs of a starter and a photograph are painted at it, at most.
        repeats: pictures of which the median counts.
        rows: starters on the contact sheet.
        large: the largest size over HTTP, in pixels.
        minutes: how long a new preset learns, for each of its runs.
        marks: minutes after which a new preset's painter is judged.
        paintings: how many new presets learn.
        judges: photographs on which a new preset's painter is judged.
        pace: seconds of a new preset's first step and of each other one, to count instead of those it takes here.
        learning_steps: of the learning whose memory is measured.
        photographs: folder of photographs that new presets learn from too; without it, only from drawn pictures.
    """

    painters: Path = FOLDER
    work: Path = ROOT / ".painters" / "bench"
    pairs: dict[int, int] = field(default_factory=lambda: {512: 120, 256: 30, 1024: 10})
    repeats: int = 40
    rows: int = 10
    large: int = 4096
    minutes: tuple[float, ...] = (6.0, 20.0)
    marks: tuple[float, ...] = (2.0, 4.0, 6.0)
    paintings: int = 5
    judges: int = 4
    pace: tuple[float, float] | None = None
    learning_steps: int = 60
    photographs: Path | None = None

    def starters(self) -> list[Starter]:
        """Return the starters that have a painter in the folder."""
        return [starter for starter in STARTERS if self.painter(starter).is_file()]

    def painter(self, starter: Starter) -> Path:
        """Return the file of a starter's painter."""
        return self.painters / starter.painter.name


FULL = Plan()
QUICK = Plan(
    work=ROOT / ".painters" / "bench-quick", pairs={64: 2}, repeats=2, rows=2, large=128, minutes=(0.02,),
    marks=(0.01,), paintings=1, judges=1, learning_steps=2,
)  # fmt: skip
