"""A client in a process of its own that measures how long light requests take meanwhile."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from statistics import quantiles
from typing import Any

import requests

PAUSE_S = 0.2
TIMEOUT_S = 10.0
LIST = "/v1/transfers?limit=20"
Percentiles = dict[str, dict[str, float]]


@dataclass
class Answers:
    """Milliseconds of each answer by what was asked, and answers with a 5xx."""

    times: dict[str, list[float]] = field(default_factory=lambda: {"/livez": [], "a job": [], "a list of jobs": []})
    wrong: list[str] = field(default_factory=list)

    def percentiles(self) -> Percentiles:
        """Return the number of answers, their median, 99th percentile and maximum, in milliseconds."""
        return {
            asked: {
                "answers": len(taken),
                "median_ms": round(quantiles(taken, n=100)[49], 1),
                "p99_ms": round(quantiles(taken, n=100)[98], 1),
                "longest_ms": round(max(taken), 1),
            }
            for asked, taken in self.times.items()
            if len(taken) > 1
        }


class Probe:
    """The other end of the process that measures."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def stop(self) -> Answers:
        """End it and return what it measured."""
        self._connection.send(None)
        answers: Answers = self._connection.recv()
        return answers


@contextmanager
def probing(url: str, key: str) -> Iterator[Probe]:
    """Measure until `stop` is called."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_probe, args=(url, key, theirs), daemon=True)
    process.start()
    try:
        yield Probe(ours)
    finally:
        process.kill()
        process.join()


def _probe(url: str, key: str, connection: Connection) -> None:
    session = requests.Session()
    session.headers["X-API-Key"] = key
    answers = Answers()
    while not connection.poll(PAUSE_S):
        _asked(session, f"{url}/livez", "/livez", answers)
        page = _asked(session, url + LIST, "a list of jobs", answers)
        if page and page["items"]:
            _asked(session, url + page["items"][0]["links"]["self"], "a job", answers)
    connection.send(answers)


def _asked(session: requests.Session, url: str, what: str, answers: Answers) -> Any:
    """Return an answer's JSON and note its milliseconds; a request that a killed process cut off doesn't count."""
    begun = time.perf_counter()
    try:
        response = session.get(url, timeout=TIMEOUT_S)
    except requests.ConnectionError:
        return None
    except requests.Timeout:
        answers.times[what].append(1000 * TIMEOUT_S)
        return None
    answers.times[what].append(1000 * (time.perf_counter() - begun))
    if response.status_code >= 500:  # noqa: PLR2004 - a server error
        answers.wrong.append(f"{what}: {response.status_code} {response.text[:200]}")
    return response.json() if response.ok else None
