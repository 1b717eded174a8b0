"""`python -m service stylize`: the same transfer without a server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from front_door import ROOT, png
from PIL import Image

from service.__main__ import main
from service.options import OPTIONS


@pytest.fixture(autouse=True)
def spin_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """main() sets them for good where they aren't set."""
    monkeypatch.setenv("GOMP_SPINCOUNT", "0")


@pytest.fixture
def pictures(tmp_path: Path, photo_png: bytes, texture_png: bytes) -> Path:
    (tmp_path / "photo.png").write_bytes(photo_png)
    (tmp_path / "art.png").write_bytes(texture_png)
    return tmp_path


@pytest.fixture
def here(pictures: Path, narrow_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the pictures, in which the command runs, with the narrow model."""
    monkeypatch.chdir(pictures)
    monkeypatch.setenv("NST_MODEL", str(narrow_model))
    monkeypatch.setenv("NST_THREADS", "1")
    return pictures


@pytest.mark.slow
def test_it_writes_the_picture_and_shows_progress(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    words = [
        "photo.png", "--style", "art.png", "photo.png", "--weight", "0.8", "0.2", "--scale", "1", "0.5",
        "--size", "80", "--iterations", "6", "--style-layers", '{"relu2_1": 1.0}', "-o", "out.jpg",
    ]  # fmt: skip
    assert main(["stylize", *words]) == 0
    shown = capsys.readouterr().err
    assert "6/6" in shown
    assert "out.jpg: content" in shown
    with Image.open(here / "out.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (80, 53))


def test_it_keeps_the_transparency_if_asked(
    here: Path, photo: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    alpha = np.zeros(photo.shape[:2], np.uint8)
    alpha[:, :200] = 255
    (here / "cut.png").write_bytes(png(np.dstack([photo, alpha])))
    words = ["cut.png", "--style", "art.png", "--size", "451", "--iterations", "0", "--alpha", "keep"]
    assert main(["stylize", *words, "-o", "out.png"]) == 0
    made = np.asarray(Image.open(here / "out.png"))
    np.testing.assert_array_equal(made[..., 3], alpha)
    np.testing.assert_array_equal(made[:, :200, :3], photo[:, :200])
    assert main(["stylize", *words, "-o", "out.jpg"]) == 2
    assert "alpha: a JPEG has no transparency" in capsys.readouterr().err


def test_it_takes_an_initial_image(here: Path) -> None:
    (here / "first.png").write_bytes(png(np.full((64, 64, 3), 90, np.uint8)))
    words = ["photo.png", "--style", "art.png", "--size", "48", "--iterations", "0", "--init", "first.png"]
    assert main(["stylize", *words, "-o", "out.png"]) == 0
    assert np.asarray(Image.open(here / "out.png")).std() == 0


@pytest.mark.parametrize("words, named", [
    (["photo.png", "--style", "none.png", "-o", "out.png"], "style: none.png"),
    (["photo.png", "--style", "art.png", "-o", "out.gif"], "output"),
    (["photo.png", "--style", "art.png", "-o", "nowhere/out.png"], "output"),
    (["photo.png", "--style", "art.png", "--size", "5", "-o", "out.png"], "size"),
    (["photo.png", "--style", "art.png", "--weight", "1", "2", "-o", "out.png"], "weight"),
    (["photo.png", "--style", "art.png", "--scale", "0.01", "-o", "out.png"], "scale"),
    (["text.png", "--style", "art.png", "-o", "out.png"], "content: text.png"),
    (["photo.png", "--style", "art.png", "--content-layers", '{"relu9_9": 1}', "-o", "out.png"], "relu9_9"),
])  # fmt: skip
def test_a_wrong_word_is_named_in_one_line(
    pictures: Path,
    words: list[str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (pictures / "text.png").write_text("no image")
    monkeypatch.chdir(pictures)
    assert main(["stylize", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert named in line
    assert not (pictures / "out.png").exists()


@pytest.mark.slow
def test_the_status_of_the_process_says_how_it_went(pictures: Path, narrow_model: Path) -> None:
    """So it is on a terminal that knows nothing but ASCII, whatever the files' names are."""
    ascii_alone = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    env = os.environ | {"NST_MODEL": str(narrow_model), "PYTHONPATH": str(ROOT)} | ascii_alone
    for style, status, said in (("art.png", 0, "ut.png: content"), ("none.png", 2, "style: none.png")):
        words = ["photo.png", "--style", style, "--size", "48", "--iterations", "1", "-o", "öut.png"]
        command = [sys.executable, "-m", "service", "stylize", *words]
        done = subprocess.run(
            command, cwd=pictures, env=env, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == status, done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert (pictures / "öut.png").exists()


def test_its_options_have_the_names_of_the_api(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["stylize", "--help"])
    text = capsys.readouterr().out
    for name in set(OPTIONS) - {"format"}:
        assert f"--{name.replace('_', '-')}" in text
