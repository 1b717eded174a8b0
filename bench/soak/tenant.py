"""A tenant of the soak: it submits, looks, cancels, deletes, watches and hangs up, and keeps account of its jobs."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import requests
from front_door import ENDED
from tenants.people import Person

PATIENCE_S = 20.0  # seconds in which a request that was cut off must get its answer
TIMEOUT_S = 30.0
LOOK_S = 4.0  # seconds between two looks at all jobs
BUSY = (429, 503)  # the statuses that ask to come again, with Retry-After
PAGE = 100

Json = dict[str, Any]


class Tenant:
    """A tenant's doings, each repeated in a thread until the event `stop` is set.

    `answers` counts answers by what was asked and its status, `wrong` lists what no answer may be. A request that a
    killed process cut off is repeated, as a client of the service should; `cut` counts these.
    """

    def __init__(self, person: Person, bodies: Sequence[Json], seed: int) -> None:
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.cut = 0
        self.statuses: dict[str, str] = {}  # of each accepted job, as last seen
        self.errors: dict[str, Any] = {}  # of each failed job
        self._deleted: set[str] = set()
        self._person, self._bodies = person, bodies
        self._chance = Random(seed)  # noqa: S311 - repeatable, not secret
        self._lock = threading.Lock()
        self._number = 0

    # What it does

    def submit(self) -> None:
        """Post a transfer; the same Idempotency-Key lets it be repeated."""
        self._number += 1
        key = {"Idempotency-Key": f"soak-{self._number}"}
        response = self._ask("POST", "/v1/transfers", self._chance.choice(self._bodies), **key)
        if response is not None and response.status_code in (200, 202):
            with self._lock:
                self.statuses.setdefault(response.json()["id"], "queued")

    def meddle(self) -> None:
        """Cancel or delete a job, or hang up in the middle of a request."""
        job = self._some_job()
        chance = self._chance.random()
        if chance < 0.3:  # noqa: PLR2004 - three of ten
            self._hang_up()
        elif job and chance < 0.7:  # noqa: PLR2004
            self._ask("POST", f"/v1/transfers/{job}/cancel", of=job)
        elif job:
            with self._lock:
                self._deleted.add(job)
            self._ask("DELETE", f"/v1/transfers/{job}", of=job)

    def watch(self) -> None:
        """Read a job's events for some seconds, or to their end."""
        job = self._some_job()
        if job is None:
            return
        end = time.monotonic() + self._chance.uniform(0.2, 8)
        headers = {"X-API-Key": self._person.key}
        url = f"{self._person.service.url}/v1/transfers/{job}/events"
        try:
            with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
                self._note("GET events", response, job)
                for _ in response.iter_lines():
                    if time.monotonic() > end:
                        break
        except requests.RequestException:
            with self._lock:
                self.cut += 1

    def look(self) -> None:
        """Read the status of all jobs."""
        cursor = ""
        while True:
            response = self._ask("GET", f"/v1/transfers?limit={PAGE}{cursor}")
            if response is None or response.status_code != 200:  # noqa: PLR2004
                return
            page = response.json()
            with self._lock:
                for job in page["items"]:
                    self.statuses[job["id"]] = job["status"]
                    if job["status"] == "failed":
                        self.errors[job["id"]] = job["error"]
            if not page["next"]:
                return
            cursor = f"&cursor={page['next']}"

    # Its account

    def unfinished(self) -> list[str]:
        """Return the jobs that were accepted, not deleted, and not seen in a final state."""
        with self._lock:
            return [id for id, status in self.statuses.items() if status not in ENDED and id not in self._deleted]

    def ends(self) -> Counter[str]:
        """Return how many of the accepted jobs have which status, as last seen, or were deleted."""
        with self._lock:
            return Counter("deleted" if id in self._deleted else status for id, status in self.statuses.items())

    def repeat(self, act: Callable[[], None], pause_s: float, stop: threading.Event) -> None:
        """Act again and again, `pause_s` seconds from one beginning to the next in the mean."""
        while not stop.is_set():
            begun = time.monotonic()
            act()
            pause = self._chance.uniform(0.5, 1.5) * pause_s
            stop.wait(max(0.0, begun + pause - time.monotonic()))

    def _some_job(self) -> str | None:
        """Return a job, one that hasn't ended where there is one."""
        jobs = self.unfinished()
        return self._chance.choice(jobs) if jobs else None

    def _ask(
        self, method: str, path: str, json: Json | None = None, of: str | None = None, **headers: str
    ) -> requests.Response | None:
        """Return the answer; repeat the request while a killed process cuts it off."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                response = self._person.ask(method, path, json, **headers)
            except requests.RequestException:
                with self._lock:
                    self.cut += 1
                time.sleep(0.1)
                continue
            self._note(f"{method} {path.partition('?')[0].replace(of or ' ', '{id}')}", response, of)
            return response
        with self._lock:
            self.wrong.append(f"{method} {path}: no answer in {PATIENCE_S:g} s")
        return None

    def _note(self, asked: str, response: requests.Response, job: str | None) -> None:
        """Count an answer, and note one that may not be: 404 is right for a job that was deleted or has expired."""
        status = response.status_code
        with self._lock:
            self.answers[f"{asked}: {status}"] += 1
            gone = status == 404 and job is not None  # noqa: PLR2004
            busy = status in BUSY and "Retry-After" in response.headers
            if not (response.ok or gone or busy):
                self.wrong.append(f"{asked}: {status} {response.text[:200]}")

    def _hang_up(self) -> None:
        """Begin a request with a body, and close the connection."""
        fields = f"Host: 127.0.0.1\r\nX-API-Key: {self._person.key}\r\nContent-Type: application/json\r\n"
        begun = f"POST /v1/transfers HTTP/1.1\r\n{fields}Content-Length: 50000\r\n\r\n{{"
        try:
            with socket.create_connection(("127.0.0.1", self._person.service.port), TIMEOUT_S) as connection:
                connection.sendall(begun.encode())
                time.sleep(self._chance.uniform(0, 0.5))
        except OSError:
            with self._lock:
                self.cut += 1
