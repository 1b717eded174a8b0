"""The held-out photographs, from which no painter has learned, and those of a user's domain: animals.

Four come with scikit-image. Two classics lie in the folder that BENCH_IMAGES names. Six come from Debian's packages,
like the animals: `python -m bench.painters --fetch` downloads these and unpacks them into a folder of the repository
that git ignores.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from skimage import data

from service.decoding import files
from service.pictures import images
from service.pictures.images import Picture

FOLDER = Path(__file__).resolve().parents[2] / ".photographs"
PACKAGES = ("lomiri-wallpapers-16.04", "plasma-workspace-wallpapers", "gcompris-qt-data")
ANIMALS = FOLDER / "animals"
ACTIVITIES = ("erase", "explore_farm_animals", "explore_world_animals")  # of GCompris, with photographs of animals
LEAST_BYTES = 10_000  # smaller pictures of these activities are icons
SIZE = 1280  # pixels on the long edge to which they are reduced
OWN = ("coffee", "astronaut", "chelsea", "rocket")
CLASSICS = {"tubingen": "tubingen.jpg", "golden-gate": "golden_gate.jpg"}
PACKAGED = {
    "picos": "backgrounds/picosdeeuropa_by_Aitzol_Berasategi.jpg",
    "life": "backgrounds/life_by_Aitzol_Berasategi.jpg",
    "bridge": "backgrounds/Bridge_by_Sander_Klootwijk.jpg",
    "umang": "backgrounds/umang_by_Abhishek_Mudgal.jpg",
    "friends": "backgrounds/friends_by_Aitzol_Berasategi.jpg",
    "water": "wallpapers/BytheWater/contents/images/2560x1600.jpg",
}


def held_out() -> dict[str, Picture]:
    """Return the photographs that are there, by name, at most SIZE pixels on the long edge."""
    found = {name: of_skimage(name) for name in OWN}
    found |= {name: files.decode(path.read_bytes()) for name, path in _files().items() if path.is_file()}
    return {name: images.resize_long_edge(one, min(SIZE, max(one.shape[:2]))) for name, one in found.items()}


def of_skimage(name: str) -> Picture:
    """Return one of the photographs that come with scikit-image, in the size of its file."""
    return np.asarray(getattr(data, name)())


def missing() -> list[str]:
    """Return the names of the photographs that aren't there."""
    return [name for name, path in _files().items() if not path.is_file()]


def fetch() -> None:
    """Download Debian's packages, and unpack their photographs, unless they are there."""
    if ANIMALS.is_dir() and all((FOLDER / path).is_file() for path in PACKAGED.values()):
        return
    with TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "download", *PACKAGES], cwd=folder, check=True)  # noqa: S607 - as found in PATH
        for package in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, folder], check=True)  # noqa: S607
        for path in PACKAGED.values():
            target = FOLDER / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(folder, "usr/share", path), target)
        ANIMALS.mkdir(parents=True, exist_ok=True)
        for activity in ACTIVITIES:
            data = Path(folder, f"usr/share/gcompris-qt/rcc/{activity}.rcc").read_bytes()
            for number, picture in enumerate(_webp_files(data)):
                (ANIMALS / f"{number:02}-{activity}.webp").write_bytes(picture)


def _webp_files(data: bytes) -> Iterator[bytes]:
    """Yield the large WebP files that a Qt resource file holds as they are."""
    for match in re.finditer(rb"RIFF(....)WEBP", data, re.DOTALL):
        end = match.start() + 8 + int.from_bytes(match[1], "little")
        if end - match.start() >= LEAST_BYTES:
            yield data[match.start() : end]


def _files() -> dict[str, Path]:
    classics = Path(os.environ.get("BENCH_IMAGES", "."))
    return {name: classics / file for name, file in CLASSICS.items()} | {
        name: FOLDER / path for name, path in PACKAGED.items()
    }
