"""What `stylize` writes: tried before painting, never half a file, never an input, kept when it is stopped."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from front_door import ROOT, png
from PIL import Image

from service.__main__ import main
from service.commands import stylize
from service.commands.stylize import Newest
from service.engine.stylize import Progress
from service.errors import InvalidInput
from service.painting import sources
from service.painting.output_file import OutputFile

SMALL = ["--style", "art.png", "--size", "48", "--iterations", "3"]
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def here(tmp_path: Path, narrow_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two pictures, in which the command runs."""
    for name, value in {"NST_MODEL": str(narrow_model), "NST_THREADS": "1", "GOMP_SPINCOUNT": "0"}.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for seed, name in enumerate(("photo.png", "art.png", "first.png")):
        picture = np.random.default_rng(seed).integers(0, 255, (60, 80, 3), np.uint8)
        (folder / name).write_bytes(png(picture))
    return folder


@pytest.fixture
def unpainted(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model may be loaded: what is wrong is said before."""
    monkeypatch.setattr(stylize, "Stylist", None)


@pytest.mark.parametrize("name", ["photo.png", "./photo.png", "../here/art.png", "link.png", "hard.png", "first.png"])
@pytest.mark.usefixtures("unpainted")
def test_an_input_is_no_output_under_any_name(here: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "link.png").symlink_to("art.png")
    (here / "hard.png").hardlink_to(here / "photo.png")
    before = {path.name: path.read_bytes() for path in here.iterdir()}
    assert main(["stylize", "photo.png", *SMALL, "--init", "first.png", "-o", name]) == 2
    assert f"output: {Path(name)}: is the file of an input" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("folder.png", "is a folder"),
        ("none/out.png", "there is no folder none"),
        ("photo.png/out.png", "there is no folder photo.png"),
        ("circle.png", "ymbolic link"),
        ("pipe.png", "is no ordinary file"),
        ("x" * 252 + ".png", "File name too long"),
        ("out", "must end in"),
        ("out.tiff", "must end in"),
        ("protected.png", "is write-protected"),
    ],
)
@pytest.mark.usefixtures("unpainted")
def test_what_can_not_be_written_is_told_first(
    here: Path, name: str, problem: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "folder.png").mkdir()
    (here / "circle.png").symlink_to("circle.png")
    os.mkfifo(here / "pipe.png")
    (here / "protected.png").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "protected.png")
    before = sorted(here.iterdir())
    assert main(["stylize", "photo.png", *SMALL, "-o", name]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "output" in line
    assert problem in line
    assert sorted(here.iterdir()) == before


@pytest.mark.usefixtures("unpainted")
def test_a_disk_without_room_for_the_picture_is_told_first(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def full(descriptor: int, start: int, room: int) -> None:
        asked.append(room)
        raise FULL

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert main(["stylize", "photo.png", *SMALL, "-o", "out.png"]) == 2
    assert "out.png: No space left on device" in capsys.readouterr().err
    assert asked == [48 * 36 * 3]
    assert not list(here.glob("*out*")) + list(here.glob(".*"))


def test_a_disk_that_fills_up_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out.png").write_bytes(b"old")
    output = OutputFile(tmp_path / "out.png")

    def full(descriptor: int) -> None:
        raise FULL

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InvalidInput, match="No space left"):
        output.write(b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


MOUNTED = 'mount --bind "$2" "$3" || exit 77; exec "$0" -c "$1" "$3" "$4"'
STAYING = """
import os, sys
from pathlib import Path
from service.painting.output_file import OutputFile

mounted, other = map(Path, sys.argv[1:])
OutputFile(mounted, room=9).write(b"new")
assert mounted.read_bytes() == b"new"
os.seteuid(65534)
for file in (other, mounted):
    OutputFile(file, room=9).write(b"newer")
    assert file.read_bytes() == b"newer"
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder with a blank in its name that every user reaches, as no folder of pytest's is."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name, "of all")
        folder.mkdir()
        folder.chmod(0o1777)
        yield folder


def test_a_file_that_can_not_be_replaced_is_written_over(open_folder: Path) -> None:
    """It is mounted, as in a container, or another user's in a folder where only owners may remove files."""
    files = [open_folder / name for name in ("source.png", "mounted.png", "other.png")]
    for file in files:
        file.write_bytes(b"of the day before")
        file.chmod(0o666)
    command = ["unshare", "--mount", "sh", "-c", MOUNTED, sys.executable, STAYING, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no mounts of its own here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert [file.read_bytes() for file in files] == [b"newer", b"of the day before", b"newer"]


def test_a_full_disk_leaves_a_file_that_is_written_over_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out.png").write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    output = OutputFile(tmp_path / "out.png", room=9)
    with pytest.raises(InvalidInput, match="No space left"):
        OutputFile(tmp_path / "out.png", room=2**60)

    def full(descriptor: int, start: int, room: int) -> None:
        os.truncate(descriptor, 4)
        raise FULL

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InvalidInput, match="No space left"):
        output.write(b"newer")
    assert (tmp_path / "out.png").read_bytes() == b"old"


def test_a_file_is_replaced_where_a_link_leads_and_keeps_its_rights(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(b"old")
    (tmp_path / "real.png").chmod(0o640)
    (tmp_path / "link.png").symlink_to("real.png")
    OutputFile(tmp_path / "link.png").write(b"new")
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "real.png").read_bytes() == b"new"
    assert (tmp_path / "real.png").stat().st_mode & 0o777 == 0o640
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_command_that_is_stopped_keeps_its_newest_picture(
    here: Path, number: int, status: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = Newest.keep

    def keep_and_stop(newest: Newest, progress: Progress) -> None:
        keep(newest, progress)
        os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    signal.signal(number, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Newest, "keep", keep_and_stop)
            assert main(["stylize", "photo.png", *SMALL, "-o", "out.png"]) == status
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    assert "out.png: stopped; this is the picture of iteration 1 of 3" in capsys.readouterr().err
    with Image.open(here / "out.png") as image:
        assert image.size == (48, 36)


def test_a_command_that_is_stopped_before_there_is_a_picture_writes_none(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make = sources.make_order

    def stop(*args: object) -> object:
        os.kill(os.getpid(), signal.SIGTERM)
        return make(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(stylize, "make_order", stop)
    (here / "out.png").write_bytes(b"old")
    assert main(["stylize", "photo.png", *SMALL, "-o", "out.png"]) == 143
    assert "nothing is written" in capsys.readouterr().err
    assert (here / "out.png").read_bytes() == b"old"


def test_a_picture_that_its_place_refuses_in_the_end_is_kept_elsewhere(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    allowed = [limit, (100, limit[1])]

    def refuse(output: OutputFile, data: bytes) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, allowed.pop(0))  # of bytes in a file: the second one is cut off
        raise InvalidInput.field("output", f"{output.path}: Stale file handle")

    monkeypatch.setattr(OutputFile, "write", refuse)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["stylize", "photo.png", *SMALL[:-1], "0", "-o", "out.png"]) == 2
    (kept,) = tmp_path.glob("stylize-*.png")
    assert f"out.png: Stale file handle; the picture is in {kept}" in capsys.readouterr().err
    with Image.open(kept) as image:
        assert image.size == (48, 36)
    try:
        assert main(["stylize", "photo.png", *SMALL[:-1], "0", "-o", "out.png"]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert capsys.readouterr().err.endswith("out.png: Stale file handle\n")
    assert list(tmp_path.glob("stylize-*.png")) == [kept]
