"""What is to be painted of a folder, and what is there already."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_client.command.outputs import READ, files_of
from nst_client.command.refused import Refused
from nst_client.files import write_whole

RUN = ".nst.json"  # beside the painted pictures: the recipe that made them, and the name of this run


@dataclass(frozen=True)
class Work:
    """A picture to be painted, the file to save it in, and how many pictures it becomes."""

    source: Path
    output: Path
    pictures: int

    @property
    def missing(self) -> list[tuple[int, Path]]:
        """The files that aren't there yet, each with the number of its picture."""
        return [(i, file) for i, file in enumerate(files_of(self.output, self.pictures)) if not file.exists()]

    def key(self, run: str, number: int) -> str:
        """Return the Idempotency-Key of the n-th attempt of a run: a call that goes on finds the jobs of the former.

        Raises OSError.
        """
        digest = hashlib.sha256(f"{run} {self.output.name} {number} ".encode() + self.source.read_bytes())
        return digest.hexdigest()


def works(folder: Path, out: Path, suffix: str, pictures: int) -> list[Work]:
    """Return the pictures of a folder and of the folders in it, by name; those in `out` are left out.

    A painted picture keeps its name, with another suffix. Where several would have one name, they keep their own
    suffixes too.
    """
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in READ and path.is_file()]
    shown = [path for path in found if not _is_hidden(path, folder) and not _is_painted(path, folder, out)]
    names = _renamed(shown, suffix)
    return [Work(path, out / name.relative_to(folder), pictures) for path, name in names.items()]


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _is_painted(path: Path, folder: Path, out: Path) -> bool:
    """Return whether a picture is in the output folder, where that is within the folder that is read."""
    inside = out.resolve()
    return folder.resolve() in inside.parents and inside in path.resolve().parents


def _renamed(paths: Sequence[Path], suffix: str) -> dict[Path, Path]:
    """Return a name for each picture; one that several would have is given to none of them, or to the first."""
    names = {path: path.with_suffix(suffix) for path in paths}
    while len(set(names.values())) < len(names):
        used = Counter(names.values())
        names = {path: path.with_name(path.name + suffix) if used[name] > 1 else name for path, name in names.items()}
    return names


def run_of(out: Path, recipe: str) -> str:
    """Return the name of the run that paints into a folder by this recipe; a new one if the folder has none.

    Raises:
        Refused: the folder has pictures by another recipe.
        OSError: its file can't be read or written.
    """
    file = out / RUN
    if file.exists():
        try:
            known = json.loads(file.read_bytes())
            former, run = str(known["recipe"]), str(known["run"])
        except (ValueError, KeyError, TypeError):
            raise Refused(f"{file} is not what nst writes there: name another folder") from None
        if former != recipe:
            raise Refused(f"{out} has pictures by another recipe (style pictures count too): name another folder")
        return run
    run = uuid.uuid4().hex
    write_whole(file, [json.dumps({"recipe": recipe, "run": run}).encode()])
    return run


def check_writable(todo: Sequence[Work], folder: Path, out: Path) -> None:
    """Refuse to paint into the folder that is read. Raises Refused."""
    if out.resolve() == folder.resolve():
        raise Refused(f"{out} is the folder that is read: name another one for what is painted")
    if out.exists() and not out.is_dir():
        raise Refused(f"{out} is no folder")
    if not todo:
        raise Refused(f"{folder} has no pictures")
