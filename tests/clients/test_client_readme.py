"""The client as it is installed: its wheel in an empty environment, and the lines of its README."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from front_door import ROOT, RunningService
from PIL import Image

SOURCE = ROOT / "clients" / "python"
README = (SOURCE / "README.md").read_text()
BUILT = ("build", "*.egg-info")
URL = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an empty environment's programs, into which README's first line installed the client."""
    folder = tmp_path_factory.mktemp("client")
    shutil.copytree(SOURCE, folder / "clients" / "python", ignore=shutil.ignore_patterns(*BUILT))
    subprocess.run([sys.executable, "-m", "venv", "env"], cwd=folder, check=True)
    install, *_ = blocks("sh")
    programs = folder / "env" / "bin"
    shell(install, folder, programs)
    return programs


def blocks(language: str) -> list[str]:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return found


def shell(line: str, folder: Path, programs: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("NST", "PYTHON"))}
    env = clean | {"PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["/bin/bash", "-euc", line], cwd=folder, env=env, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def pictures(service: RunningService, tmp_path: Path, photo_png: bytes, texture_png: bytes) -> Path:
    """A folder with what the README's lines name."""
    service.put_style("mosaic", texture_png)
    (tmp_path / "photos").mkdir()
    for name in ("photo.jpg", "photos/one.jpg", "photos/two.jpg"):
        (tmp_path / name).write_bytes(photo_png)
    (tmp_path / "painting.jpg").write_bytes(texture_png)
    return tmp_path


@pytest.mark.slow
def test_the_lines_for_the_shell_run(service: RunningService, environment: Path, pictures: Path) -> None:
    _, settings, lines = blocks("sh")
    said = shell(settings.replace(URL, service.url) + lines, pictures, environment)
    assert "mosaic" in said and said.endswith("2 of 2 are in painted\n")
    for name, width in (("out.png", 512), ("out.jpg", 256), ("painted/one.png", 256)):
        with Image.open(pictures / name) as image:
            assert image.width == width


@pytest.mark.slow
def test_the_lines_of_python_run(service: RunningService, environment: Path, pictures: Path) -> None:
    script = "\n".join(blocks("python")).replace(URL, service.url)
    (pictures / "lines.py").write_text(script)
    said = shell("python lines.py", pictures, environment)
    assert "422 styles.0.preset" in said and "'mosaic'" in said
    for name, format in (("out.png", "PNG"), ("weak.png", "PNG"), ("strong.webp", "WEBP")):
        with Image.open(pictures / name) as image:
            assert image.format == format


@pytest.mark.slow
def test_the_package_is_small_and_typed(environment: Path, pictures: Path) -> None:
    looked = "import nst_client, sys; print('torch' in sys.modules, nst_client.__file__)"
    said = shell(f'python -c "{looked}"; pip list --format freeze', pictures, environment)
    false, file, *packages = said.split()
    assert false == "False" and (Path(file).parent / "py.typed").is_file()
    assert len(packages) < 20
