"""Memory that refused requests leave behind in a web process: its memory before and after many of each kind.

Each kind has a web process of its own on a loopback port. MB are 10^6 bytes.
"""

from __future__ import annotations

import argparse
import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.refused_bodies import JSON, KINDS, Refused, picture
from scripts.ports import free_port

START_S = 60.0
TIMEOUT_S = 120.0
GOOD = f'{{"content": "{picture()}", "styles": [{{"image": "{picture()}"}}], "size": 32, "iterations": 0}}'.encode()


@dataclass(frozen=True)
class WebProcess:
    """A running `python -m service web` with one process that answers.

    Attributes:
        pid: of the process that answers.
        port: TCP, on the loopback address.
    """

    pid: int
    port: int

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Send one request; return the status and the body of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # it is refused before it is read
                connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def memory(self) -> int:
        """Return the resident bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"/proc/{self.pid}/status has no VmRSS")


@contextmanager
def web_process(**settings: Any) -> Iterator[WebProcess]:
    """Run a web server over an empty folder. `settings` without NST_, as in `caller_limit=1`."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        values = {"data": folder, "port": port, "web_workers": 1, "starters": "off"} | settings
        clean = {name: value for name, value in os.environ.items() if not name.startswith("NST_")}
        env = clean | {f"NST_{name.upper()}": str(value) for name, value in values.items()}
        with Path(folder, "log").open("wb") as log:
            command = [sys.executable, "-m", "service", "web"]
            server = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        try:
            yield _started(server, port, Path(folder, "log"))
        finally:
            server.terminate()
            server.wait(TIMEOUT_S)


def _started(server: subprocess.Popen[bytes], port: int, log: Path) -> WebProcess:
    end = time.monotonic() + START_S
    while server.poll() is None and time.monotonic() < end:
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        web = WebProcess(int(children[-1]), port) if children else None
        try:
            if web and web.ask("GET", "/livez")[0] == http.HTTPStatus.OK:
                return web
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"the web process didn't start:\n{log.read_text()}")


def growth(kind: Refused, count: int, size: int) -> tuple[int, int]:
    """Return the resident bytes of a web process before and after `count` refused bodies of about `size` bytes."""
    body = kind.body(size)
    with web_process(**kind.settings) as web:
        if "caller_limit" in kind.settings or "queue_limit" in kind.settings:
            web.ask("POST", "/v1/transfers", GOOD, {"Content-Type": JSON})
        before = web.memory()
        for _ in range(count):
            status, answer = web.ask(kind.method, kind.path, body, kind.headers)
            if status != kind.status:
                raise RuntimeError(f"{status} instead of {kind.status}: {answer[:300]!r}")
        return before, web.memory()


def main() -> None:
    args = _arguments()
    print(
        f"{args.count} bodies of {args.mb:g} MB of each kind\n\n| kind | status | before | after | growth | seconds |"
    )
    print("|---|---|---|---|---|---|")
    for name in args.only or KINDS:
        begun = time.monotonic()
        before, after = growth(KINDS[name], args.count, round(args.mb * 1e6))
        figures = " | ".join(f"{value / 1e6:.0f} MB" for value in (before, after, after - before))
        print(f"| {name} | {KINDS[name].status} | {figures} | {time.monotonic() - begun:.0f} |", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.refusals", description=__doc__)
    parser.add_argument("--count", type=int, default=50, help="bodies of each kind")
    parser.add_argument("--mb", type=float, default=20, help="size of a body in MB (10^6 bytes)")
    parser.add_argument("--only", nargs="+", choices=KINDS, metavar="KIND", help="these kinds alone")
    return parser.parse_args()


if __name__ == "__main__":
    main()
