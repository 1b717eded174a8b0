"""python -m bench.addresses: what a client sends for 20 photographs of 3 MB, by base64, as a form, and by address.

Each way submits one batch to a service that is started for it, with the photographs on a host on this machine, and
nothing is optimised. The seconds are those until the answer: the photographs are read and stored by then.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import requests
from front_door import RunningService, b64
from outbound.picture_server import PictureServer

from bench import engine
from bench.measure import Stopwatch
from bench.report import table
from service.pictures import images

PHOTOS, HEIGHT, WIDTH, QUALITY = 20, 1500, 2000, 60  # of about 3 MB each, as noise hardly compresses
RECIPE: dict[str, Any] = {"size": 64, "iterations": 0, "init": "random"}
MB = 1e6


def main() -> None:
    photos = [_photo(seed) for seed in range(PHOTOS)]
    with TemporaryDirectory() as folder, PictureServer() as host:
        settings = {"image_hosts": "127.0.0.1", "max_body_mb": 200, "threads": 0}
        with RunningService(engine.MODEL, Path(folder), **settings) as service:
            recipe = RECIPE | {"styles": [{"image": b64(_photo(PHOTOS, 200, 200))}]}
            rows = [_row(name, way(service, host, recipe, photos)) for name, way in WAYS.items()]
    total = sum(map(len, photos)) / MB
    print(f"{PHOTOS} photographs of {total / PHOTOS:.2f} MB, {total:.1f} MB in all\n")
    print(table(("way", "the client sends", "until the answer"), rows))


def _row(name: str, prepared: requests.PreparedRequest) -> list[str]:
    clock = Stopwatch()
    with requests.Session() as session:
        response = session.send(prepared, timeout=300)
    seconds = clock.seconds()
    response.raise_for_status()
    body = prepared.body or b""
    return [name, f"{len(body) / MB:.3f} MB", f"{seconds:.2f} s"]


def _by_base64(service: RunningService, host: PictureServer, recipe: Any, photos: list[bytes]) -> Any:
    return _prepared(service, json=recipe | {"contents": [b64(photo) for photo in photos]})


def _by_form(service: RunningService, host: PictureServer, recipe: Any, photos: list[bytes]) -> Any:
    body = recipe | {"contents": [f"file:{i}" for i in range(len(photos))]}
    files = {str(i): (f"{i}.jpg", photo) for i, photo in enumerate(photos)}
    return _prepared(service, data={"request": json.dumps(body)}, files=files)


def _by_address(service: RunningService, host: PictureServer, recipe: Any, photos: list[bytes]) -> Any:
    contents = [{"url": host.add(f"/{i}.jpg", photo)} for i, photo in enumerate(photos)]
    return _prepared(service, json=recipe | {"contents": contents})


def _prepared(service: RunningService, **body: Any) -> requests.PreparedRequest:
    return requests.Request("POST", f"{service.url}/v1/batches", **body).prepare()


WAYS: dict[str, Callable[[RunningService, PictureServer, Any, list[bytes]], Any]] = {
    "base64": _by_base64,
    "form": _by_form,
    "address": _by_address,
}


def _photo(seed: int, height: int = HEIGHT, width: int = WIDTH) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    return images.encode(noise, "jpeg", QUALITY)


if __name__ == "__main__":
    main()
