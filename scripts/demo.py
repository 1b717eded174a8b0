"""make demo: starts the service, has it paint a photograph through the API, and shows what came out."""

from __future__ import annotations

import argparse
import base64
import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from PIL import Image
from skimage import data
from tqdm import tqdm

from scripts.paint import paint
from scripts.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "demo"
START_S = 60
GAP = 8  # pixels between the pictures of the strip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512, help="long edge of the output in pixels")
    size = parser.parse_args().size
    FOLDER.mkdir(exist_ok=True)
    shutil.rmtree(FOLDER / "data", ignore_errors=True)  # what an earlier version of the service left
    content, style = FOLDER / "content.png", FOLDER / "style.png"
    Image.fromarray(data.coffee()).save(content)
    paint(768, 7).save(style)
    with running_service() as url:
        print(f"The service runs at {url}. Saving the style as a preset, sending the photograph …", flush=True)
        save_preset(url, "strokes", style)
        job = transfer(url, content, {"preset": "strokes"}, size)
        output = FOLDER / "output.png"
        output.write_bytes(get(url + job["links"]["image"]).content)
    strip([content, style, output], FOLDER / "strip.png")
    strip([style, output], FOLDER / "pair.jpg")
    losses, timings = job["result"]["losses"], job["timings"]
    print(
        f"Done in {timings['total_s']:.1f} s: content loss {losses['content']:.3f}, style loss {losses['style']:.3f}."
    )
    print(f"The picture:              {output}\nContent | style | output: {FOLDER / 'strip.png'}")
    return 0


@contextmanager
def running_service() -> Iterator[str]:
    """The URL of a service of our own, stopped at the end."""
    port = free_port()
    env = os.environ | {"NST_PORT": str(port), "NST_HOST": "127.0.0.1", "NST_DATA": str(FOLDER / "data")}
    log = FOLDER / "service.log"
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
        except requests.ConnectionError:
            pass
        time.sleep(0.2)
    sys.exit(f"the service did not start; its log:\n{log.read_text()}")


def save_preset(url: str, name: str, picture: Path) -> None:
    body = {"images": [{"image": base64.b64encode(picture.read_bytes()).decode()}]}
    checked(requests.put(f"{url}/v1/styles/{name}", json=body, timeout=60))


def transfer(url: str, content: Path, style: dict[str, Any], size: int) -> dict[str, Any]:
    """Posts a transfer and shows its progress until it has ended."""
    body = {"content": base64.b64encode(content.read_bytes()).decode(), "styles": [style], "size": size}
    job = checked(requests.post(f"{url}/v1/transfers", json=body, timeout=60)).json()
    with tqdm(total=job["progress"]["iterations"], unit="it", desc="painting") as bar:
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


def strip(paths: list[Path], to: Path) -> None:
    """Pictures side by side, all as high as the last one."""
    last = Image.open(io.BytesIO(paths[-1].read_bytes())).convert("RGB")
    images = []
    for path in paths:
        with Image.open(path) as image:
            width = round(image.width * last.height / image.height)
            images.append(image.convert("RGB").resize((width, last.height), Image.Resampling.LANCZOS))
    sheet = Image.new("RGB", (sum(i.width for i in images) + GAP * (len(images) - 1), last.height), "white")
    x = 0
    for image in images:
        sheet.paste(image, (x, 0))
        x += image.width + GAP
    sheet.save(to)


if __name__ == "__main__":
    sys.exit(main())
