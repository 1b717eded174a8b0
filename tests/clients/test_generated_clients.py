"""Clients that generators write by the lines of docs/api.md: each compiles, and paints a picture."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from front_door import ROOT, RunningService
from PIL import Image

PROGRAMS = Path(__file__).parent / "generated"
TOOLS = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "neural-style-service" / "generators"
SEARCHED = os.pathsep.join(
    [str(TOOLS / "node_modules" / ".bin"), *map(str, TOOLS.glob("openapi-generator-*/bin")), os.environ["PATH"]]
)
TSC = "tsc --strict --target es2022 --lib es2022,dom,dom.iterable --module commonjs --moduleResolution node10"
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # for a program of some seconds, half of the CPU time


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [name for name in programs if shutil.which(name, path=SEARCHED) is None]
    return pytest.mark.skipif(bool(missing), reason=f"scripts/generators.sh installs them: no {', '.join(missing)}")


pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path, photo_png: bytes, texture_png: bytes) -> Path:
    (tmp_path / "photo.png").write_bytes(photo_png)
    (tmp_path / "painting.png").write_bytes(texture_png)
    return tmp_path


@needs("java", "openapi-generator-cli", "tsc", "node")
def test_typescript_fetch(service: RunningService, folder: Path) -> None:
    generate("typescript-fetch", service, folder)
    run_typescript("fetch", service, folder)


@needs("openapi-typescript", "tsc", "node")
def test_openapi_typescript(service: RunningService, folder: Path) -> None:
    generate("openapi-typescript", service, folder)
    run_typescript("types", service, folder)


@needs("java", "openapi-generator-cli", "go")
def test_go(service: RunningService, folder: Path) -> None:
    generate("-g go", service, folder)
    program = folder / "nst" / "cmd" / "main.go"
    program.parent.mkdir()
    shutil.copy(PROGRAMS / "main.go", program)
    run("go vet ./...", folder / "nst")
    run(f"go run ./cmd {service.url} ../photo.png ../painting.png ../output.png", folder / "nst")
    check_painted(service, folder)


def generate(name: str, service: RunningService, folder: Path) -> None:
    """Run the line of docs/api.md that names a generator."""
    (line,) = [found for found in re.findall(r"^.*/openapi\.json.*$", (ROOT / "docs" / "api.md").read_text(), re.M)
               if name in found and found.startswith("openapi-")]  # fmt: skip
    run(line.replace("http://127.0.0.1:8000", service.url), folder)


def run_typescript(name: str, service: RunningService, folder: Path) -> None:
    shutil.copy(PROGRAMS / f"{name}.ts", folder)
    shutil.copy(PROGRAMS / "main.mjs", folder)
    run(f"{TSC} --outDir compiled {name}.ts", folder)
    run(f"node main.mjs ./compiled/{name}.js {service.url} photo.png painting.png output.png", folder)
    check_painted(service, folder)


def check_painted(service: RunningService, folder: Path) -> None:
    """Check that the program saved the picture of the newest transfer."""
    (job,) = service.get("/v1/transfers?limit=1&status=succeeded").json()["items"]
    assert (folder / "output.png").read_bytes() == service.get(job["links"]["image"]).content
    with Image.open(folder / "output.png") as image:
        assert image.width == 64


def run(line: str, folder: Path) -> None:
    env = os.environ | {"PATH": SEARCHED, "GOFLAGS": "-mod=mod", "JAVA_TOOL_OPTIONS": JAVA}
    done = subprocess.run(
        ["/bin/bash", "-euc", line], cwd=folder, env=env, capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, (line, done.stdout[-3000:] + done.stderr[-3000:])
