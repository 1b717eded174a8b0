"""python -m bench.slow_clients: time the web server while slow clients hold as many connections as they can.

Everything happens on this machine, against a service that is started for it, with two web processes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import numpy as np
import requests
from front_door import RunningService, b64
from slow_clients import SlowClients

from bench import engine
from bench.measure import Stopwatch
from bench.report import table
from service.pictures import images

CONNECTIONS = (0, 300, 1000, 2000)
SETTINGS = {"web_workers": 2, "threads": 0}  # the service's defaults, which the tests' are not
SECONDS = 30.0  # of the measurement with each number of clients
PAUSE_S = 0.05  # between two requests for /livez
TIMEOUT_S = 10.0  # also the time that an unanswered request counts with
COLUMNS = ("slow connections", "/livez, median", "/livez, p99", "/livez, unanswered", "POST, median", "POST, slowest")


def main() -> None:
    arguments = _arguments()
    with TemporaryDirectory() as folder, RunningService(engine.MODEL, Path(folder), **SETTINGS) as service:
        rows = [_row(service, count, arguments.seconds) for count in arguments.connections]
    print(table(COLUMNS, rows))


def _row(service: RunningService, count: int, seconds: float) -> list[str]:
    if not count:
        return _measured(service, "none", seconds)
    with SlowClients(service.port, count, seconds=seconds + 120) as clients:
        begun = clients.connected
        row = _measured(service, str(count), seconds)
        print(f"{count} slow clients: {begun} connected at the beginning, {clients.connected} at the end", flush=True)
    time.sleep(1)
    return row


def _measured(service: RunningService, name: str, seconds: float) -> list[str]:
    end = time.monotonic() + seconds
    with ThreadPoolExecutor(2) as pool:
        lives = pool.submit(_repeated, lambda: _livez(service), end, PAUSE_S)
        posts = pool.submit(_repeated, lambda: _post(service), end, 1.0)
    alive, posted = lives.result(), posts.result()
    late = sum(taken >= TIMEOUT_S for taken in alive)
    cuts = quantiles(alive, n=100) if len(alive) > 1 else alive * 99
    figures = [cuts[49], cuts[98]], [sorted(posted)[len(posted) // 2], max(posted)]
    livez, post = ([f"{1000 * value:.0f} ms" for value in pair] for pair in figures)
    return [name, *livez, f"{late} of {len(alive)}", *post]


def _repeated(request: Callable[[], object], end: float, pause: float) -> list[float]:
    """Return the seconds that each request took, connecting included."""
    taken: list[float] = []
    while not taken or time.monotonic() < end:
        clock = Stopwatch()
        try:
            request()
            taken.append(min(clock.seconds(), TIMEOUT_S))
        except requests.RequestException:
            taken.append(TIMEOUT_S)
        time.sleep(pause)
    return taken


def _livez(service: RunningService) -> None:
    requests.get(service.url + "/livez", timeout=TIMEOUT_S).raise_for_status()


def _post(service: RunningService) -> None:
    """Submit a transfer of one iteration."""
    picture = b64(images.encode(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)))
    body = {"content": picture, "styles": [{"image": picture}], "size": 64, "iterations": 1}
    requests.post(service.url + "/v1/transfers", json=body, timeout=TIMEOUT_S).raise_for_status()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.slow_clients", description=__doc__)
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS, help="how many slow clients")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="that each number of them is measured for")
    return parser.parse_args()


if __name__ == "__main__":
    main()
