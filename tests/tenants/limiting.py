"""Tenants with limits: changed, used up, and what is said then."""

from __future__ import annotations

import re
from typing import Any

import requests
from front_door import RunningService, b64, eventually
from tenants.people import Person

LONG = {"size": 512, "iterations": 5000, "tolerance": 0}
ADMIN = ["read", "run", "presets", "admin"]


def tenant(root: Person, name: str, **limits: float) -> Person:
    """Make a tenant with these limits of its own; return who has a key of it that every web process knows."""
    made = root.post("/v1/tenants", {"name": name, "limits": limits})
    assert made.status_code == 201, made.text
    return root.with_key(ADMIN, tenant=name)


def change(root: Person, name: str, **limits: float | None) -> dict[str, Any]:
    changed = root.ask("PATCH", f"/v1/tenants/{name}", {"limits": limits})
    assert changed.status_code == 200, changed.text
    shown: dict[str, Any] = changed.json()
    return shown


def submitted(person: Person, picture: bytes, **options: Any) -> requests.Response:
    return person.post("/v1/transfers", transfer(picture) | options)


def transfer(picture: bytes) -> dict[str, Any]:
    return {"content": b64(picture), "styles": [{"image": b64(picture)}], "size": 64, "iterations": 2}


def status_of(person: Person, id: str) -> str:
    status: str = person.get(f"/v1/transfers/{id}").json()["status"]
    return status


def running(person: Person, picture: bytes) -> str:
    """Begin a job that lasts; return its id."""
    id: str = submitted(person, picture, **LONG).json()["id"]
    eventually(lambda: status_of(person, id) == "running", 60, "it doesn't run")
    return id


def refused(response: requests.Response, name: str, kind: str = "limit-exceeded") -> dict[str, Any]:
    """Check a refusal by this limit; return what the problem says of the limit."""
    assert response.status_code == 429, response.text
    problem = response.json()
    assert problem["type"] == f"urn:nst:problem:{kind}"
    assert problem["limit"]["name"] == name
    after = int(response.headers["Retry-After"])
    assert 1 <= after <= 86_400
    assert re.search(rf'"{name}";r=\d+;t={after}(,|$)', response.headers["RateLimit"])
    assert f'"{name}";q=' in response.headers["RateLimit-Policy"]
    found: dict[str, Any] = problem["limit"]
    return found


def cancel_all(person: Person) -> None:
    for job in person.get("/v1/transfers?limit=100").json()["items"]:
        person.delete(f"/v1/transfers/{job['id']}")


def left_of(answer: requests.Response, name: str) -> tuple[int, int]:
    """Return the limit that an answer's headers name, and what is left of it."""
    fields = (answer.headers[key] for key in ("RateLimit-Policy", "RateLimit"))
    found = (re.search(rf'"{name}";[qr]=(\d+)', field) for field in fields)
    most, left = (int(match[1]) for match in found if match)
    return most, left


def refusals(service: RunningService) -> dict[str, float]:
    """Return how often each limit has refused something, as /metrics has it."""
    found = re.findall(r'^nst_limit_refusals_total{limit="(\w+)"} (.*)$', service.get("/metrics").text, re.M)
    return {name: float(count) for name, count in found}
