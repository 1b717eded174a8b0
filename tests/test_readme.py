"""The snippets that the README and docs/api.md show do what they say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from front_door import ROOT, RunningService, eventually
from PIL import Image

README = (ROOT / "README.md").read_text()
API = (ROOT / "docs" / "api.md").read_text()
MAX_LINES = 200


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= MAX_LINES


def test_the_lines_for_docker_are_those_of_deploying_and_publish_to_this_machine_alone() -> None:
    (line,) = re.findall(r"^docker build .*$", README, re.MULTILINE)
    build, run = line.partition("  #")[0].strip().split(" && ")
    deploying = (ROOT / "docs" / "deploying.md").read_text()
    assert all(re.search(rf"^{re.escape(command)}( *#.*)?$", deploying, re.MULTILINE) for command in (build, run))
    assert "-p 127.0.0.1:8000:8000" in run


@pytest.fixture
def pictures(tmp_path: Path, photo_png: bytes, texture_png: bytes) -> Path:
    (tmp_path / "photo.jpg").write_bytes(photo_png)
    (tmp_path / "painting.jpg").write_bytes(texture_png)
    return tmp_path


@pytest.mark.slow
def test_the_curl_lines_run(service: RunningService, pictures: Path) -> None:
    block = next(b for b in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if b.startswith("curl"))
    submit, watch, fetch = block.replace("http://127.0.0.1:8000", service.url).splitlines()
    id = json.loads(shell(submit, pictures))["id"]
    eventually(lambda: json.loads(shell(watch.replace("ID", id), pictures))["status"] == "succeeded", 60, "not done")
    shell(fetch.replace("ID", id), pictures)
    with Image.open(pictures / "output.png") as image:
        assert image.size == (512, 341)


@pytest.mark.slow
def test_the_python_snippet_runs(service: RunningService, pictures: Path) -> None:
    snippet, _ = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    code = snippet.replace("http://127.0.0.1:8000", service.url)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=pictures, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.startswith("succeeded")
    with Image.open(pictures / "output.png") as image:
        assert image.size == (256, 170)


@pytest.mark.skipif(shutil.which("node") is None, reason="runs JavaScript: there is no node")
@pytest.mark.slow
def test_the_javascript_snippet_runs(service: RunningService, pictures: Path) -> None:
    (snippet,) = re.findall(r"```js\n(.*?)```", API, re.DOTALL)
    script = pictures / "snippet.mjs"
    script.write_text(snippet.replace("http://127.0.0.1:8000", service.url))
    command = ["node", script.name]
    done = subprocess.run(command, cwd=pictures, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.startswith("succeeded")
    with Image.open(pictures / "output.png") as image:
        assert image.size == (256, 170)


@pytest.mark.slow
def test_the_line_without_a_server_runs(narrow_model: Path, pictures: Path) -> None:
    (line,) = re.findall(r"`\.venv/bin/python (-m service stylize .*?)`", README)
    command = [sys.executable, *line.split(), "--size", "64", "--iterations", "2"]
    env = {"PYTHONPATH": str(ROOT), "NST_MODEL": str(narrow_model)}
    subprocess.run(command, cwd=pictures, env=env, capture_output=True, timeout=120, check=True)
    with Image.open(pictures / "output.png") as image:
        assert image.size[0] == 64


@pytest.mark.slow
def test_the_python_snippet_without_a_server_runs(narrow_model: Path, pictures: Path) -> None:
    _, snippet = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    code = "from pathlib import Path\n" + snippet.replace(
        "Settings()", f"Settings(model=Path({str(narrow_model)!r}))"
    )
    env = {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=pictures, env=env, capture_output=True, timeout=120, check=True)
    with Image.open(pictures / "output.png") as image:
        assert image.size == (256, 170)


def shell(line: str, folder: Path) -> str:
    done = subprocess.run(line, shell=True, cwd=folder, capture_output=True, text=True, timeout=60, check=True)  # noqa: S602
    return done.stdout
