"""python -m bench.fuzz.api: let schemathesis send what /openapi.json allows and forbids to a running service.

All of its phases and checks, with chains of requests; schemathesis.toml beside this file says what is expected, and
hooks.py adds what a schema can't say. The service has two web processes, a worker, a painter worker, and a key with
all scopes. Meanwhile all jobs are canceled again, so that workers get to every kind, and streams end. The status is
that of schemathesis.

python -m bench.fuzz.api --examples 20 --seed 0
python -m bench.fuzz.api --minutes 10
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from front_door import RunningService
from narrow_vgg import write_narrow_vgg

from bench.fuzz.hooks import WEBHOOK_HOST

HERE = Path(__file__).resolve().parent
KEY = "fuzzed"
SETTINGS = {
    "web_workers": 2, "painters": 1, "starters": "on", "api_keys": KEY, "webhook_hosts": WEBHOOK_HOST,
    "queue_limit": 10**6, "caller_limit": 10**6,
}  # fmt: skip
CANCEL_S = 0.5  # seconds between two cancellations of everything


def main() -> int:
    """Fuzz a service over a narrow model; return the exit status."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        model = write_narrow_vgg(Path(folder) / "narrow.onnx")
        with RunningService(model, Path(folder), **SETTINGS) as service, _canceling(service):
            done = subprocess.run(_command(service, arguments), env=_environment(), cwd=folder, check=False)
            if arguments.keep_log:
                arguments.keep_log.write_bytes(service.log.read_bytes())
    return done.returncode


def _command(service: RunningService, arguments: argparse.Namespace) -> list[str | Path]:
    """Return the command line of schemathesis."""
    length = ["--max-time", f"{60 * arguments.minutes:.0f}"] if arguments.minutes else []
    chosen = ["--include-path-regex", arguments.only] if arguments.only else []
    return [
        *(Path(sys.executable).with_name("schemathesis"), "--config-file", HERE / "schemathesis.toml", "run"),
        *(f"{service.url}/openapi.json", "--seed", str(arguments.seed), "--max-examples", str(arguments.examples)),
        *(*length, *chosen),
    ]


def _environment() -> dict[str, str]:
    return os.environ | {"SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"), "KEY": KEY}


@contextmanager
def _canceling(service: RunningService) -> Iterator[None]:
    """Cancel all transfers and learnings again and again."""
    stop = threading.Event()
    thread = threading.Thread(target=_cancel_until, args=(service, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _cancel_until(service: RunningService, stop: threading.Event) -> None:
    session = requests.Session()
    session.headers["X-API-Key"] = KEY
    while not stop.wait(CANCEL_S):
        for status in ("running", "queued"):
            page = session.get(f"{service.url}/v1/transfers?status={status}&limit=200", timeout=60).json()
            for job in page["items"]:
                session.post(f"{service.url}{job['links']['self']}/cancel", timeout=60)
        for style in session.get(f"{service.url}/v1/styles?limit=200", timeout=60).json()["items"]:
            if style["painter"] in ("queued", "learning"):
                session.delete(f"{service.url}/v1/styles/{style['name']}/painter", timeout=60)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz.api", description=__doc__)
    parser.add_argument("--examples", type=int, default=20, help="of each operation, and chains of requests")
    parser.add_argument("--minutes", type=float, default=0, help="end after so long")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="chance by default")
    parser.add_argument("--only", help="regular expression of paths")
    parser.add_argument("--keep-log", type=Path, help="file for the service's log")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
