"""The file of a backup: a tar archive of blobs and database, with a manifest of their digests at its end."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Self

from service.errors import InvalidInput

MANIFEST = "manifest.json"
DATABASE = "service.db"
BLOBS = "blobs/"  # before the key of a blob
FORMAT = 1  # of the archive; one that is higher belongs to a later version of the service
PIECE = 2**20  # bytes that are in memory at a time
OVERHEAD = 2048  # bytes that a file takes beside its own, at most: header, padding, its line in the manifest


@dataclass(frozen=True)
class Digest:
    """What a file of the archive must have: its SHA-256, and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """The contents of an archive.

    Attributes:
        service: the version of the service that wrote it.
        revision: of the database's tables.
        taken_at: seconds since 1970.
        files: name in the archive -> its digest. Members that aren't named here are of no use.
    """

    service: str
    revision: str
    taken_at: float
    files: Mapping[str, Digest]
    format: int = FORMAT

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(digest.size for digest in self.files.values())

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a manifest. Raises ValueError, KeyError or TypeError if it is none."""
        json_ = json.loads(data)
        files = {name: Digest(**digest) for name, digest in json_.pop("files").items()}
        return cls(**json_, files=files)


class ArchiveWriter:
    """An archive that is being written; `added` has the digests of its files so far.

    Args:
        check_room: raises NoSpace if so many bytes more have no room; each file that is added is checked.
    """

    def __init__(self, file: IO[bytes], check_room: Callable[[int], None]) -> None:
        self._check_room = check_room
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - see finish
        self.added: dict[str, Digest] = {}

    def add(self, name: str, file: IO[bytes]) -> int:
        """Add an open file; return its size in bytes. Raises NoSpace."""
        size = os.fstat(file.fileno()).st_size
        self._add(name, file, size)
        return size

    def add_bytes(self, name: str, data: bytes) -> None:
        self._add(name, io.BytesIO(data), len(data))

    def finish(self, manifest: Manifest) -> None:
        """Add the manifest, and end the archive."""
        self.add_bytes(MANIFEST, manifest.to_bytes())
        self._tar.close()

    def _add(self, name: str, source: IO[bytes], size: int) -> None:
        self._check_room(size + OVERHEAD)
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o600
        reader = _Hashing(source)
        self._tar.addfile(member, reader)
        self.added[name] = Digest(reader.sha256, size)


class ArchiveReader:
    """An archive that is read.

    Raises:
        InvalidInput: it isn't whole, or not of a version that can be read.
    """

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.manifest = self._manifest()

    def _manifest(self) -> Manifest:
        try:
            member = self._tar.getmember(MANIFEST)  # reads through all headers, so that a cut file is noticed
            data = self._tar.extractfile(member)
            manifest = Manifest.from_bytes(data.read() if data else b"")
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise _unusable("has no manifest that can be read, so it is no backup, or not a whole one") from error
        if manifest.format > FORMAT:
            raise _unusable(f"was written by version {manifest.service} of the service: use that one, or a later one")
        return manifest

    def extract(self, folder: Path) -> None:
        """Write all files of the manifest below a folder, and compare each with its digest."""
        missing = set(self.manifest.files)
        for member in self._tar:
            if member.name not in missing:
                continue
            missing.remove(member.name)
            source = self._tar.extractfile(member) if member.isreg() else None
            if source is None or not _is_safe(member.name):
                raise _unusable(f"has a member that no backup has: {member.name!r}")
            with source:
                _write(source, folder / member.name, self.manifest.files[member.name], member.name)
        if missing:
            raise _unusable(f"lacks {len(missing)} files of its manifest, such as {min(missing)}")


class _Hashing(io.RawIOBase):
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        return data

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


@contextmanager
def opened_archive(file: Path) -> Iterator[ArchiveReader]:
    """Open an archive for reading. Raises InvalidInput, also for what goes wrong while it is read."""
    try:
        with tarfile.open(file, "r:") as tar:
            yield ArchiveReader(tar)
    except FileNotFoundError as error:
        if error.filename != str(file):
            raise
        raise _unusable("doesn't exist") from error
    except tarfile.TarError as error:
        raise _unusable(f"is no backup, or not a whole one: {error}") from error


def _write(source: IO[bytes], target: Path, expected: Digest, name: str) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    reader, size = _Hashing(source), 0
    with target.open("xb") as out:
        while piece := reader.read(PIECE):
            size += out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    if Digest(reader.sha256, size) != expected:
        raise _unusable(f"is damaged: {name} isn't what its manifest says")


def _is_safe(name: str) -> bool:
    """Return whether a name stays below the folder that it is written to."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and (name == DATABASE or name.startswith(BLOBS))


def _unusable(msg: str) -> InvalidInput:
    return InvalidInput.field("FILE", msg)
