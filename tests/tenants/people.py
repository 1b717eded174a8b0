"""People with keys, and the service's commands."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from front_door import ROOT, RunningService, b64, empty_database

from service.storage.database import Database
from service.tenants.keys import Keys
from service.tenants.known_keys import FRESH_S
from service.tenants.scopes import ALL
from service.tenants.tenants import Tenants

EVERYWHERE = "0.0.0.0"  # noqa: S104 - an address of all networks
AT_ONCE = 8  # requests, so that each of two web processes gets some
COUNTS_S = 40  # seconds in which a change counts everywhere; without the database keys count for a minute
SAMPLE = {"size": 256, "iterations": 30}  # the least that makes a transfer the sample of its preset


@dataclass(frozen=True)
class Person:
    """Somebody with a key of the service, or without one."""

    service: RunningService
    key: str
    id: str = ""

    def ask(self, method: str, path: str, json: Any = None, **headers: str) -> requests.Response:
        if self.key:
            headers["X-API-Key"] = self.key
        return requests.request(method, self.service.url + path, json=json, headers=headers, timeout=90)

    def get(self, path: str) -> requests.Response:
        return self.ask("GET", path)

    def post(self, path: str, json: Any = None, **headers: str) -> requests.Response:
        return self.ask("POST", path, json, **headers)

    def delete(self, path: str) -> requests.Response:
        return self.ask("DELETE", path)

    def save(self, name: str, picture: bytes, **fields: Any) -> requests.Response:
        return self.ask("PUT", f"/v1/styles/{name}", {"images": [{"image": b64(picture)}]} | fields)

    def paint(self, content: bytes, preset: str, **options: Any) -> dict[str, Any]:
        """Submit a small transfer, and wait for its end."""
        body = {"content": b64(content), "styles": [{"preset": preset}], "size": 64, "iterations": 2} | options
        response = self.post("/v1/transfers", body, Prefer="wait=60")
        assert response.status_code == 200, response.text
        job: dict[str, Any] = response.json()
        assert job["status"] == "succeeded", job
        return job

    def with_key(self, scopes: list[str], **fields: Any) -> Person:
        """Make another key, as an admin may, and return who has it: every web process takes it at once."""
        response = self.post("/v1/keys", {"name": "test", "scopes": scopes} | fields)
        assert response.status_code == 201, response.text
        return Person(self.service, response.json()["key"], response.json()["id"])


def keys_of_new(data: Path, *tenants: str) -> dict[str, str]:
    """Make a database with these tenants in a folder, before a service starts; return a key of each."""
    (data / "service.db").write_bytes(empty_database())
    with closing(Database(f"sqlite:///{data}/service.db")) as database:
        for name in tenants:
            Tenants(database).add(name)
        return {name: Keys(database).add(name, "test", ALL).text for name in tenants}


def command(service: RunningService, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the service with its settings."""
    line = [sys.executable, "-m", "service", *words]
    return subprocess.run(line, cwd=ROOT, env=service.env, capture_output=True, text=True, timeout=60, check=False)


def person_by_command(service: RunningService, *words: str) -> Person:
    """Make a key by the command, and return who has it."""
    done = command(service, "keys", "add", *words)
    assert done.returncode == 0, done.stderr
    return Person(service, done.stdout.strip(), done.stderr.split()[1])


def first_by_command(service: RunningService, *words: str) -> Person:
    """Make a key of a service that runs, perhaps its first: every web process knows that it has to ask for one."""
    person = person_by_command(service, *words)
    time.sleep(FRESH_S)
    return person
