"""The README is true: its tables are the code's, its snippets run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import MISSING
from pathlib import Path

import pytest
from front_door import ROOT, RunningService, eventually
from PIL import Image

from service.config import variables
from service.options import OPTIONS

README = (ROOT / "README.md").read_text()


def section(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", README, re.DOTALL)
    assert found, f"the README has no section {name}"
    return found.group(1)


def options_table() -> str:
    rows = ["| option | symbol | default | range | effect |", "|---|---|---|---|---|"]
    for name, option in OPTIONS.items():
        meta = option.metadata
        default = option.default if option.default_factory is MISSING else option.default_factory()
        shown = "" if default is None else f"`{json.dumps(default)}`"
        choices = [f"`{choice}`" for choice in meta["choices"] if choice != "image"]
        span = ", ".join(choices) if choices else f"{meta['low']:g} to {meta['high']:g}"
        rows.append(f"| `{name}` | {meta['symbol']} | {shown} | {span} | {meta['doc']} |")
    return "\n".join(rows) + "\n"


def settings_table() -> str:
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, setting in variables().items():
        value = setting.default
        default = value.relative_to(ROOT) if isinstance(value, Path) and value.is_absolute() else value
        if isinstance(value, bool):
            default = "on" if value else "off"
        rows.append(f"| `{name}` | {f'`{default}`' if default not in ('', ()) else ''} | {setting.metadata['doc']} |")
    return "\n".join(rows) + "\n"


def test_the_options_table_is_the_codes() -> None:
    assert section("options") == options_table()


def test_the_settings_table_is_the_codes() -> None:
    assert section("settings") == settings_table()


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


def test_the_python_snippet_runs(service: RunningService, pictures: Path) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    code = snippet.replace("http://127.0.0.1:8000", service.url)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=pictures, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.startswith("succeeded")
    with Image.open(pictures / "output.png") as image:
        assert image.size == (256, 170)


@pytest.mark.skipif(shutil.which("node") is None, reason="runs JavaScript: there is no node")
def test_the_javascript_snippet_runs(service: RunningService, pictures: Path) -> None:
    (snippet,) = re.findall(r"```js\n(.*?)```", README, re.DOTALL)
    script = pictures / "snippet.mjs"
    script.write_text(snippet.replace("http://127.0.0.1:8000", service.url))
    command = ["node", script.name]
    done = subprocess.run(command, cwd=pictures, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.startswith("succeeded")
    with Image.open(pictures / "output.png") as image:
        assert image.size == (256, 170)


def shell(line: str, folder: Path) -> str:
    done = subprocess.run(line, shell=True, cwd=folder, capture_output=True, text=True, timeout=60, check=True)  # noqa: S602
    return done.stdout
