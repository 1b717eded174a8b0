"""A client for the demo and the figures: it starts its own service and uses the HTTP API."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from PIL import Image
from tqdm import tqdm

from scripts.ports import free_port
from service.styles.starters.loading import STARTERS

ROOT = Path(__file__).resolve().parent.parent
START_S = 60


@contextmanager
def running_service(folder: Path) -> Iterator[str]:
    """Run a service and yield its URL; its data and log lie in the folder."""
    folder.mkdir(exist_ok=True)
    shutil.rmtree(folder / "data", ignore_errors=True)  # it may be from another version of the service
    port = free_port()
    env = os.environ | {"NST_PORT": str(port), "NST_HOST": "127.0.0.1", "NST_DATA": str(folder / "data")}
    log = folder / "service.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "serve"], cwd=ROOT, env=env, stdout=stream, stderr=stream
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, process, log)
            yield url
        finally:
            process.terminate()
            process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if requests.get(f"{url}/readyz", timeout=5).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            pass
        time.sleep(0.2)
    sys.exit(f"the service did not start; its log:\n{log.read_text()}")


def wait_for_starters(url: str) -> None:
    """Wait for the starters, which a new service saves while it starts."""
    while len(get(f"{url}/v1/styles").json()["items"]) < len(STARTERS):
        time.sleep(0.2)


def save_preset(url: str, name: str, picture: Image.Image) -> None:
    body = {"images": [{"image": base64.b64encode(png(picture)).decode()}]}
    checked(requests.put(f"{url}/v1/styles/{name}", json=body, timeout=60))


def has_painter(url: str, name: str, seconds: float = 5) -> bool:
    """Return whether a preset has a painter; a new service gives the starters theirs while it starts."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if get(f"{url}/v1/styles/{name}/painter").json()["status"] == "ready":
            return True
        time.sleep(0.2)
    return False


def submit(
    url: str, request: dict[str, Any], files: Mapping[str, Image.Image], headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Post a transfer, with the pictures that it names as `file:…`; return the job."""
    text = json.dumps(request)
    parts = {part: (f"{part}.png", png(image)) for part, image in files.items() if f'"file:{part}"' in text}
    response = requests.post(f"{url}/v1/transfers", data={"request": text}, files=parts, headers=headers, timeout=120)
    job: dict[str, Any] = checked(response).json()
    return job


def transfer(url: str, request: dict[str, Any], files: Mapping[str, Image.Image], name: str) -> dict[str, Any]:
    """Post a transfer as `submit` does, and show its progress until it has ended."""
    job = submit(url, request, files)
    with tqdm(total=job["progress"]["iterations"], unit="it", desc=name, disable=None) as bar:  # on a terminal
        while job["status"] in ("queued", "running"):
            time.sleep(0.25)
            job = get(url + job["links"]["self"]).json()
            bar.update(job["progress"]["iteration"] - bar.n)
    if job["status"] != "succeeded":
        sys.exit(f"the transfer ended as {job['status']}: {job['error']}")
    return job


def get(url: str) -> requests.Response:
    return checked(requests.get(url, timeout=60))


def checked(response: requests.Response) -> requests.Response:
    if not response.ok:
        sys.exit(f"{response.status_code}: {response.text}")
    return response


def png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "png")
    return stream.getvalue()
