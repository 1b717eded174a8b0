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


def stylize(folder: Path, model: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"NST_MODEL": str(model), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "service", "stylize", *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_it_writes_the_picture_and_shows_progress(pictures: Path, narrow_model: Path) -> None:
    done = stylize(
        pictures, narrow_model, "photo.png", "--style", "art.png", "photo.png", "--weight", "0.8", "0.2",
        "--scale", "1", "0.5", "--size", "80", "--iterations", "6", "--style-layers", '{"relu2_1": 1.0}',
        "-o", "out.jpg",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "6/6" in done.stderr
    assert "out.jpg: content" in done.stderr
    with Image.open(pictures / "out.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (80, 53))


@pytest.mark.slow
def test_it_keeps_the_transparency_if_asked(pictures: Path, narrow_model: Path, photo: np.ndarray) -> None:
    alpha = np.zeros(photo.shape[:2], np.uint8)
    alpha[:, :200] = 255
    (pictures / "cut.png").write_bytes(png(np.dstack([photo, alpha])))
    words = ["cut.png", "--style", "art.png", "--size", "451", "--iterations", "0", "--alpha", "keep"]
    done = stylize(pictures, narrow_model, *words, "-o", "out.png")
    assert done.returncode == 0, done.stderr
    made = np.asarray(Image.open(pictures / "out.png"))
    np.testing.assert_array_equal(made[..., 3], alpha)
    np.testing.assert_array_equal(made[:, :200, :3], photo[:, :200])
    refused = stylize(pictures, narrow_model, *words, "-o", "out.jpg")
    assert refused.returncode != 0
    assert "alpha: a JPEG has no transparency" in refused.stderr


@pytest.mark.slow
def test_it_takes_a_first_image(pictures: Path, narrow_model: Path) -> None:
    first = np.full((64, 64, 3), 90, np.uint8)
    (pictures / "first.png").write_bytes(png(first))
    words = ["photo.png", "--style", "art.png", "--size", "48", "--iterations", "0", "--init", "first.png"]
    done = stylize(pictures, narrow_model, *words, "-o", "out.png")
    assert done.returncode == 0, done.stderr
    assert np.asarray(Image.open(pictures / "out.png")).std() == 0


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
def test_the_status_is_2_after_a_wrong_word(pictures: Path, narrow_model: Path) -> None:
    done = stylize(pictures, narrow_model, "photo.png", "--style", "none.png", "-o", "out.png")
    assert done.returncode == 2
    assert "style: none.png" in done.stderr
    assert "Traceback" not in done.stderr


def test_its_options_have_the_names_of_the_api(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["stylize", "--help"])
    text = capsys.readouterr().out
    for name in set(OPTIONS) - {"format"}:
        assert f"--{name.replace('_', '-')}" in text
