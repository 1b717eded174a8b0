"""Save the starters at the first start: once in the database's life, so that a deleted one stays away."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from service.decoding import files
from service.errors import Unavailable
from service.pictures.images import ImageFile, digest
from service.pictures.style_image import StyleImage
from service.storage.database import Database
from service.storage.preset_schema import PresetRow
from service.styles import once
from service.styles.presets import Presets

logger = logging.getLogger(__name__)

MARK = "starters"
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Starter:
    """A preset of the first start: one picture, `<name>.webp`, and its painter's weights, `<name>.safetensors`."""

    name: str
    description: str
    folder: Path = FOLDER

    @property
    def picture(self) -> Path:
        return self.folder / f"{self.name}.webp"

    @property
    def painter(self) -> Path:
        return self.folder / f"{self.name}.safetensors"

    @property
    def painted(self) -> Path:
        """A photograph painted in it, small."""
        return self.folder / "painted" / f"{self.name}.webp"

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of its picture's file."""
        return digest(self.picture.read_bytes())

    def image(self) -> StyleImage[ImageFile]:
        return StyleImage(files.check_image(self.picture.read_bytes()))

    def is_unchanged(self, preset: PresetRow) -> bool:
        """Return whether a preset has this starter's picture and description."""
        pictures = [(image.file.sha256, image.scale) for image in preset.images]
        return pictures == [(self.sha256, 1.0)] and preset.description == self.description


STARTERS = (
    Starter("strokes", "Oil strokes: thick paint swept along whorls and furrows, blue and gold"),
    Starter("mosaic", "Mosaic: warm tiles of glass between dark joints"),
    Starter("glass", "Stained glass: panes of deep colour in their leads, lit from behind"),
    Starter("watercolour", "Watercolour: clear blots that dried with dark edges, on grained paper"),
    Starter("risograph", "Risograph: dots of yellow, pink and blue, a little out of register"),
    Starter("woven", "Tapestry: stitches of dyed wool in lozenges"),
    Starter("linocut", "Linocut: grooves of a gouge in dark ink over flat reds, ochre and teal"),
    Starter("ink", "Pen and ink: hatching on cream paper, close where it is dark"),
    Starter("dots", "Pointillism: dabs of pure colour side by side"),
    Starter("waves", "Printed waves: rings over rings in indigo, as on old Japanese cloth"),
)


BY_NAME = {starter.name: starter for starter in STARTERS}


def is_built_in(preset: PresetRow) -> bool:
    """Return whether a preset is one of the starters, as it came."""
    starter = BY_NAME.get(preset.name)
    return starter is not None and not preset.options and starter.is_unchanged(preset)


class StartersCheck:
    """Whether the starters were saved, or aren't wanted: who then saves presets of its own doesn't stop them."""

    def __init__(self, database: Database, *, are_wanted: bool) -> None:
        self._database = database
        self._are_done = not are_wanted

    def pass_over(self) -> None:
        """Wait for them no more."""
        self._are_done = True

    def check(self) -> None:
        """Raise Unavailable until they are saved. Raises DatabaseError."""
        if not self._are_done:
            with self._database.reading() as session:
                self._are_done = once.is_done(session, MARK)
        if not self._are_done:
            raise Unavailable("the presets that come with the service are not saved yet")


def load(presets: Presets) -> None:
    """Save the starters, unless that was done before or there are other presets.

    Raises:
        StorageError
    """
    styles = ((starter.name, starter.description, [starter.image()]) for starter in STARTERS)
    if presets.put_once(MARK, styles):
        logger.info("saved %d presets to begin with", len(STARTERS))
