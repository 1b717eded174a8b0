"""The command `nst`: pictures and folders, breaks, and files that must stay as they are."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from front_door import ROOT, RunningService, eventually, png
from nst_client.command.main import main
from nst_client.command.plan import works
from nst_client.command.recipe import digest
from PIL import Image

JPEG = b"\xff\xd8"  # its beginning
QUICK = ("--preset", "mosaic", "--size", "64", "--iterations", "2")
TWO = 'variants=[{"seed": 1}, {"strength": 0.1}]'


@pytest.fixture
def folder(service: RunningService, tmp_path: Path, texture_png: bytes, photo_png: bytes) -> Path:
    """A folder to work in, with the picture photo.png."""
    service.put_style("mosaic", texture_png, description="Small stones")
    (tmp_path / "photo.png").write_bytes(photo_png)
    return tmp_path


@pytest.fixture
def here(folder: Path, texture_png: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder as the current one, with the picture art.png too."""
    (folder / "art.png").write_bytes(texture_png)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def photos(folder: Path) -> list[Path]:
    """Six different photographs in photos/, one of them in a folder within it."""
    with Image.open(folder / "photo.png") as photo:
        names = ["a.png", "b.jpg", "b.png", "c.webp", "d.PNG", "in/e.png"]
        for turn, name in enumerate(names):
            file = folder / "photos" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            photo.rotate(turn).save(file)
    return [folder / "photos" / name for name in names]


PAINTED = {"a.png", "b.jpg.png", "b.png.png", "c.png", "d.png", "e.png"}


def start(service: RunningService, folder: Path, *words: str) -> subprocess.Popen[str]:
    env = os.environ | {"PYTHONPATH": str(ROOT / "clients" / "python"), "NSTCLIENT_URL": service.url}
    command = [
        "env",
        "--default-signal=INT",
        sys.executable,
        "-m",
        "nst_client",
        *words,
    ]  # even if it is ignored here
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def nst(service: RunningService, folder: Path, *words: str) -> tuple[int, str, str]:
    """Run the command in this process; return its exit status, and what it printed and complained of."""
    out, err = io.StringIO(), io.StringIO()
    with chdir(folder), redirect_stdout(out), redirect_stderr(err):
        status = main([*words, "--url", service.url])
    return status, out.getvalue(), err.getvalue()


def jobs(service: RunningService) -> int:
    return len(service.get("/v1/transfers?limit=200").json()["items"])


def saved(out: Path) -> list[Path]:
    """Return the pictures in a folder, without those that are being written."""
    return [path for path in out.rglob("*.png") if not path.name.startswith(".")]


def painted(out: Path) -> set[str]:
    """Names of the pictures in a folder; each must be whole."""
    found = [path for path in out.rglob("*") if path.is_file() and path.name != ".nst.json"]
    for path in found:
        with Image.open(path) as image:
            image.load()
    return {path.name for path in found}


@pytest.mark.slow
def test_presets_are_listed_by_a_process_of_its_own(service: RunningService, folder: Path) -> None:
    with start(service, folder, "styles") as process:
        out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert [line.split() for line in out.splitlines() if line.startswith("mosaic ")] == [
        ["mosaic", "Small", "stones"]
    ]


def test_a_picture_is_painted(service: RunningService, folder: Path) -> None:
    status, out, err = nst(service, folder, "photo.png", *QUICK, "--set", "quality=40", "-o", "out.jpg")
    assert (status, out, err) == (0, "out.jpg\n", "")
    with Image.open(folder / "out.jpg") as image:
        assert image.format == "JPEG" and image.width == 64
    options = service.get("/v1/transfers?limit=1").json()["items"][0]["options"]
    assert (options["quality"], options["format"]) == (40, "jpeg")


@pytest.mark.slow
def test_all_pictures_of_a_transfer_are_saved(service: RunningService, folder: Path) -> None:
    status, out, err = nst(service, folder, "photo.png", *QUICK, "--set", TWO, "--format", "jpeg", "-o", "out")
    assert (status, out, err) == (0, "out-0\nout-1\n", "")
    first, second = ((folder / name).read_bytes() for name in ("out-0", "out-1"))
    assert first[:2] == second[:2] == JPEG and first != second
    blend = 'blend={"from": "mosaic", "to": "mosaic", "steps": 1}'
    (folder / "out-1.png").mkdir()
    words = ("photo.png", *QUICK[2:], "--set", blend, "-o", "out.png")
    before = jobs(service)
    status, _, err = nst(service, folder, *words)
    assert (status, jobs(service)) == (1, before) and "out-1.png is a folder" in err
    (folder / "out-1.png").rmdir()
    assert nst(service, folder, *words) == (0, "out-0.png\nout-1.png\n", "")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["photo.png", *QUICK, "-o", "./photo.png"], "one of the pictures to be read"),
        (["photo.png", "--style", "art.png", "-o", "art.png"], "one of the pictures to be read"),
        (["photo.png", *QUICK, "--set", "protect=art.png", "-o", "art.png"], "one of the pictures to be read"),
        (["photo.png", *QUICK, "-o", "hard.png"], "one of the pictures to be read"),
        (["photo.png", *QUICK, "-o", "/proc/out.png"], "/proc/out.png can't be written ("),
        (["photo.png", *QUICK, "-o", "art.png/new/out.png"], "new/out.png can't be written (Not a directory)"),
        (["watch", "nothing", "-o", "/proc/out.png"], "/proc/out.png can't be written ("),
        (["photo.png", *QUICK, "--format", "jpeg", "-o", "out.png"], "out.png is png by its name"),
        (["photo.png", *QUICK, "--set", "format=jpeg", "-o", "out.webp"], "asked for is jpeg"),
        (["photo.png", *QUICK, "--set", 'variants=[{"format": "jpeg"}]', "-o", "out.png"], "variants have the"),
        (["photo.png", *QUICK, "--set", "format=gif", "-o", "out"], "format gif: the service makes png, jpeg, webp"),
        (["photo.png", *QUICK, "-o", "out.gif"], "the service makes png, jpeg, webp, not gif"),
        (["photo.png", *QUICK, "--set", "variants=5", "-o", "out.png"], "variants"),
        (["photo.png", *QUICK, "--set", "protect=5", "-o", "out.png"], "protect"),
        (["photo.png", "-o", "out.png"], "name a style"),
        (["photo.png", "--preset", "nobody", "-o", "out.png"], "nobody"),
        (["missing.png", *QUICK, "-o", "out.png"], "missing.png"),
        (["x" * 300, *QUICK, "-o", "out.png"], "File name too long"),
        (["photo.png", *QUICK, "--set", "sise=1", "-o", "out.png"], "sise"),
        (["photo.png", *QUICK, "--painter", "-o", "out.png"], "has no painter"),
        (["watch", "nothing"], "no transfer"),
        (["learn", "nobody"], "nobody"),
        (["learn", "mosaic", "--photos", "nowhere"], "nowhere"),
        (["learn", "mosaic", "--minutes", "0"], "minutes"),
    ],
)
def test_what_makes_no_sense_is_refused(
    service: RunningService, here: Path, words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "hard.png").hardlink_to(here / "photo.png")
    before = {path.name: path.read_bytes() for path in here.iterdir()}
    assert main([*words, "--url", service.url]) == 1
    out, err = capsys.readouterr()
    assert out == "" and complaint in err and "Errno" not in err
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before


def test_variables_may_have_blanks_around_them(
    service: RunningService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NSTCLIENT_URL", f"{service.url}\r")
    monkeypatch.setenv("NSTCLIENT_KEY", "\r")
    assert main(["styles"]) == 0
    assert main(["styles", "--url", "http://a\rb"]) == main(["styles", "--key", "schlüssel"]) == 1
    url, key = capsys.readouterr().err.splitlines()
    assert "is no address of a service" in url
    assert "the key has a blank or a character outside ASCII" in key


@pytest.mark.slow
def test_a_break_leaves_the_picture_to_the_service(service: RunningService, folder: Path) -> None:
    words = ("photo.png", "--preset", "mosaic", "--size", "128", "--iterations", "200", "--set", "tolerance=0")
    before = jobs(service)
    with start(service, folder, *words, "-o", "out.png") as process:
        eventually(lambda: jobs(service) > before, 30, "no job")
        time.sleep(0.3)  # until the command has the answer
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and not (folder / "out.png").exists()
    (line,) = [line for line in err.splitlines() if "nst watch" in line]
    status, out, _ = nst(service, folder, *line.partition("nst ")[2].split())
    assert (status, out) == (0, "out.png\n")
    assert painted(folder) == {"photo.png", "out.png"}


@pytest.mark.slow
def test_a_folder_goes_on_where_it_was_broken_off(service: RunningService, folder: Path, photos: list[Path]) -> None:
    before, sent = jobs(service), {path: path.read_bytes() for path in photos}
    line = ("photos", *QUICK, "-o", "painted", "--jobs", "2")
    for stop in (signal.SIGINT, signal.SIGKILL):
        done = len(painted(folder / "painted"))
        with start(service, folder, *line) as process:
            eventually(lambda done=done: len(saved(folder / "painted")) > done, 60, "nothing was painted")
            process.send_signal(stop)
            process.communicate(timeout=30)
        assert process.returncode == (130 if stop == signal.SIGINT else -signal.SIGKILL)
    status, out, err = nst(service, folder, *line)
    assert (status, err) == (0, "")
    assert "are there already" in out and out.endswith("6 of 6 are in painted\n")
    assert painted(folder / "painted") == PAINTED
    assert jobs(service) == before + 6, "a picture was painted twice"
    assert {path: path.read_bytes() for path in photos} == sent
    again = nst(service, folder, *line)
    assert again == (0, "6 of 6 are there already\n6 of 6 are in painted\n", "")


@pytest.mark.slow
def test_a_folder_has_all_pictures_of_each_transfer(service: RunningService, folder: Path) -> None:
    (folder / "one").mkdir()
    (folder / "one" / "photo.png").write_bytes((folder / "photo.png").read_bytes())
    line = ("one", *QUICK, "--set", TWO, "-o", "painted")
    assert nst(service, folder, *line)[0] == 0
    assert painted(folder / "painted") == {"photo-0.png", "photo-1.png"}
    (folder / "painted" / "photo-1.png").unlink()
    first = (folder / "painted" / "photo-0.png").stat().st_ino
    assert nst(service, folder, *line)[0] == 0
    assert painted(folder / "painted") == {"photo-0.png", "photo-1.png"}
    assert (folder / "painted" / "photo-0.png").stat().st_ino == first


@pytest.mark.slow
def test_a_folder_keeps_what_is_in_it(service: RunningService, folder: Path, photos: list[Path]) -> None:
    photos[0].write_bytes(b"no picture")
    mine = folder / "painted" / "c.png"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    status, _, err = nst(service, folder, "photos/", *QUICK, "-o", "painted")
    assert status == 1 and "a.png" in err
    assert mine.read_bytes() == b"mine"
    mine.unlink()
    assert painted(folder / "painted") == PAINTED - {"a.png", "c.png"}
    photos[0].write_bytes(_png_of(3))
    status, _, err = nst(service, folder, "photos/", *QUICK, "-o", "painted")
    assert (status, err) == (0, "") and painted(folder / "painted") == PAINTED
    status, _, err = nst(service, folder, "photos/", *QUICK, "--seed", "1", "-o", "painted")
    assert status == 1 and "another recipe" in err
    for words in (["photos", *QUICK, "-o", "photos/"], ["photos/in/", *QUICK, "-o", "photo.png"]):
        status, _, err = nst(service, folder, *words)
        assert status == 1 and "folder" in err
    assert not list((folder / "photos").rglob(".*"))


@pytest.mark.slow
def test_a_folder_within_its_own_output_is_left_out(
    service: RunningService, folder: Path, photos: list[Path]
) -> None:
    for _ in range(2):
        status, _, err = nst(service, folder, "photos", *QUICK, "-o", "photos/painted")
        assert (status, err) == (0, "")
    assert painted(folder / "photos" / "painted") == PAINTED


@pytest.mark.slow
def test_a_job_that_failed_is_tried_anew(service: RunningService, folder: Path) -> None:
    (folder / "one").mkdir()
    (folder / "one" / "photo.png").write_bytes((folder / "photo.png").read_bytes())
    line = ("one", *QUICK, "-o", "painted")
    late = (*line, "--set", "deadline_s=0.001")
    status, _, err = nst(service, folder, *late)
    assert status == 1 and "one/photo.png" in err
    first = jobs(service)
    status, _, err = nst(service, folder, *late)
    assert status == 1 and jobs(service) == first + 1
    assert nst(service, folder, *line[:-1], "other")[0] == 0


@pytest.mark.parametrize(
    "place",
    [
        lambda path: {"styles": [{"image": path}]},
        lambda path: {"protect": str(path)},
        lambda path: {"variants": [{"init": str(path)}]},
    ],
)
def test_a_recipe_is_another_one_once_a_picture_of_it_was_changed(
    tmp_path: Path, place: Callable[[Path], dict[str, Any]]
) -> None:
    fields = place(picture := tmp_path / "picture.png")
    digests = []
    for data in (b"one", b"two", b"one"):
        picture.write_bytes(data)
        digests.append(digest(fields))
    assert digests[0] == digests[2] != digests[1]


def test_no_two_pictures_get_one_name(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "a.jpg.png", "b.webp"):
        (tmp_path / name).write_bytes(b"picture")
    names = {work.source.name: work.output.name for work in works(tmp_path, tmp_path / "out", ".png", 1)}
    assert names == {"a.jpg": "a.jpg.png", "a.png": "a.png.png", "a.jpg.png": "a.jpg.png.png", "b.webp": "b.png"}


def _png_of(value: int) -> bytes:
    """Return the file of a small picture of one colour."""
    return png(np.full((30, 40, 3), value, np.uint8))


def test_help_names_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    out = capsys.readouterr().out
    for line in ("nst photo.jpg", "nst folder/", "nst styles", "nst learn NAME", "nst watch ID", "--preset"):
        assert line in out
