"""A client that a public generator makes of the API: made as docs/api.md says, it carries out a transfer."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from front_door import ROOT, RunningService

GENERATOR = Path(sys.executable).with_name("openapi-python-client")
USE = """
import base64, sys, time
from nst_client import AuthenticatedClient
from nst_client.api.styles import save_style
from nst_client.api.transfers import create_transfer, get_transfer, get_transfer_image
from nst_client.models import Problem, StyleBody, StyleEntry, StyleImageBody, TransferBody

client = AuthenticatedClient(base_url=sys.argv[1], token="none")
photo = base64.b64encode(open("photo.jpg", "rb").read()).decode()
art = base64.b64encode(open("painting.jpg", "rb").read()).decode()

style = save_style.sync(name="generated", client=client, body=StyleBody(images=[StyleImageBody(image=art)]))
assert style.name == "generated" and style.images[0].weight == 1.0, style

asked = TransferBody(content=photo, styles=[StyleEntry(preset="generated")], size=64, iterations=3)
job = create_transfer.sync(client=client, body=asked, prefer="wait=1", idempotency_key="generated")
assert create_transfer.sync(client=client, body=asked, idempotency_key="generated").id == job.id
while job.status in ("queued", "running"):
    time.sleep(0.1)
    job = get_transfer.sync(job.id, client=client)
assert job.status == "succeeded", job
picture = get_transfer_image.sync(job.id, client=client)
open("output.png", "wb").write(picture.payload.read())

wrong = create_transfer.sync(client=client, body=TransferBody(content=photo, styles=[StyleEntry(preset="nobody")]))
assert isinstance(wrong, Problem) and wrong.errors[0].loc == "styles.0.preset", wrong
print(job.result.sha256)
"""


@pytest.mark.slow
def test_a_generated_client_runs_a_whole_transfer(
    service: RunningService, tmp_path: Path, photo_png: bytes, texture_png: bytes
) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo_png)
    (tmp_path / "painting.jpg").write_bytes(texture_png)
    said = generate(service.url, tmp_path)
    assert "warning" not in said.lower()
    command = [sys.executable, "-c", USE, service.url]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    job = service.get("/v1/transfers").json()["items"][0]
    assert done.stdout.strip() == job["result"]["sha256"]
    assert (tmp_path / "output.png").read_bytes() == service.get(job["links"]["image"]).content


def generate(url: str, folder: Path) -> str:
    """Run the line of docs/api.md; return what the generator printed."""
    (line,) = re.findall(r"^openapi-python-client generate .*$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    (folder / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "openapi-python-client.yaml", folder / "docs")
    env = os.environ | {"PATH": f"{GENERATOR.parent}:{os.environ['PATH']}"}  # which has ruff, for its last touch
    words = shlex.split(line.replace("http://127.0.0.1:8000", url))
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
