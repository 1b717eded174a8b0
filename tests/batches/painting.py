"""Batches over HTTP."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

import numpy as np
import requests
from front_door import ENDED, RunningService, b64, eventually, png

STYLE = png(np.random.default_rng(0).integers(0, 255, (70, 70, 3), np.uint8))
RECIPE: dict[str, Any] = {"styles": [{"image": b64(STYLE)}], "size": 64, "iterations": 2, "levels": 1}
LONG: dict[str, Any] = RECIPE | {"iterations": 5000, "tolerance": 0}


def photo(seed: int, height: int = 48, width: int = 64) -> bytes:
    return png(np.random.default_rng(1000 + seed).integers(0, 255, (height, width, 3), np.uint8))


def named(seed: int, name: str) -> dict[str, str]:
    return {"data": b64(photo(seed)), "name": name}


def enlarge_picture(service: RunningService, job: str, size: int) -> bytes:
    """Put bytes that can't be compressed in place of a transfer's only picture; return them."""
    picture = random.Random(0).randbytes(size)
    ((result,),) = service.execute("SELECT result FROM jobs WHERE id = ?", job)
    blob, old, new = json.loads(result)["blob"], json.loads(result)["sha256"], hashlib.sha256(picture).hexdigest()
    service.execute("UPDATE jobs SET result = replace(result, ?, ?) WHERE id = ?", old, new, job)
    file = service.data / "blobs" / blob
    assert file.is_file()
    file.write_bytes(picture)
    return picture


class Batching(RunningService):
    """A service, and what one does with batches."""

    def __enter__(self) -> Batching:
        self.start()
        return self

    def batch(self, contents: list[Any], recipe: dict[str, Any] = RECIPE, **headers: str) -> requests.Response:
        return self.post_to("/v1/batches", recipe | {"contents": contents}, **headers)

    def made(self, contents: list[Any], recipe: dict[str, Any] = RECIPE, **headers: str) -> dict[str, Any]:
        response = self.batch(contents, recipe, **headers)
        assert response.status_code == 202, response.text
        found: dict[str, Any] = response.json()
        return found

    def shown(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/v1/batches/{id}").json()
        return found

    def items(self, id: str, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"/v1/batches/{id}/items?limit=200{query}").json()["items"]
        return found

    def batch_ended(self, id: str, seconds: float = 120) -> dict[str, Any]:
        eventually(lambda: self.shown(id)["status"] in ENDED, seconds, f"the batch did not end: {self.shown(id)}")
        return self.shown(id)

    def remove(self, id: str) -> requests.Response:
        return requests.delete(f"{self.url}/v1/batches/{id}", timeout=60)
