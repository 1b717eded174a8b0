"""The receiver that docs/events.md shows: it takes what the service signed, and nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from front_door import ROOT, RunningService, eventually
from operators.scraping import HEADERS
from webhooks.receiver import SECRET

from scripts.ports import free_port

(SNIPPET,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "events.md").read_text(), re.DOTALL)


def test_it_is_short() -> None:
    assert len([line for line in SNIPPET.splitlines() if line.strip()]) <= 15


@pytest.mark.slow
def test_it_takes_what_the_service_signed(watched: RunningService, body: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "receiver.py").write_text(SNIPPET)
    port = free_port()
    url = f"http://127.0.0.1:{port}/done"
    command = [sys.executable, "-m", "flask", "--app", "receiver", "run", "--port", str(port)]
    with (tmp_path / "log").open("w") as log:
        receiver = subprocess.Popen(
            command, cwd=tmp_path, env=os.environ | {"WEBHOOK_SECRET": SECRET}, stdout=log, stderr=log
        )
    try:
        eventually(lambda: answers(url), 30, "it did not start")
        forged = {"webhook-id": "1", "webhook-timestamp": "1764000000", "webhook-signature": "v1,Zm9yZ2Vk"}
        assert requests.post(url, json={"type": "transfer.succeeded"}, headers=forged, timeout=10).status_code == 401
        made = watched.post(body | {"callback_url": url}, **HEADERS)
        assert made.status_code == 202, made.text
        told = f"transfer.succeeded {made.json()['id']}"
        eventually(lambda: told in (tmp_path / "log").read_text(), 60, "no webhook came")
    finally:
        receiver.terminate()
        receiver.wait(60)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 405
    except requests.ConnectionError:
        return False
