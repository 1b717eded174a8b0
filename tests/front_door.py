"""The service as a user runs it: `python -m service serve` and HTTP on a real socket."""

from __future__ import annotations

import base64
import io
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import requests
from PIL import Image

from scripts.ports import free_port
from service.storage.database import Database

ROOT = Path(__file__).resolve().parent.parent
START_S = 60
SLOWEST = 5
"""Times as long as a quiet machine takes, a busy or slow one may take for anything that a test waits for."""
ENDED = ("succeeded", "failed", "canceled")
NONE: Mapping[str, str | None] = {}
Form: TypeAlias = dict[str, bytes | tuple[str | None, str] | tuple[str | None, str, str]]  # as requests sends it


class RunningService:
    """`serve` as a child of the test. Settings are given without NST_, as in `lease_s=2`."""

    def __init__(self, model: Path, data: Path, **settings: Any) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = data
        self.log = data / "serve.log"
        values = {"model": model, "data": data, "port": self.port, "web_workers": 1, "threads": 1}
        values |= {"painters": 0, "starters": "off"} | settings
        clean = {name: value for name, value in os.environ.items() if not name.startswith("NST_")}
        self.env = clean | {f"NST_{name.upper()}": str(value) for name, value in values.items()}
        self.command = [sys.executable, "-m", "service", "serve"]
        self.process: subprocess.Popen[bytes] | None = None
        self.headers: dict[str, str] = {}  # of requests, as the key of whoever makes them

    def __enter__(self) -> RunningService:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self, *, wait: bool = True) -> None:
        """Start the service, in a process group of its own, and wait until it is ready.

        At the first start its own database is there and empty: to make one costs a tenth of the start.
        """
        file = self.data / "service.db"
        if not file.exists() and "NST_DATABASE_URL" not in self.env:
            file.write_bytes(empty_database())
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True
            )
        if wait:
            eventually(self.is_ready, START_S, f"not ready; its log:\n{self.log.read_text()}")

    def is_ready(self) -> bool:
        return self.answers("/readyz")

    def answers(self, path: str) -> bool:
        """Return whether the path is answered with 200."""
        try:
            return requests.get(self.url + path, timeout=5).status_code == 200
        except (requests.ConnectionError, requests.Timeout):
            return False

    def stop(self) -> int:
        """Send SIGTERM, as an operator would; return the exit status."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(60)
        finally:
            self.kill_everything()

    def is_up(self) -> bool:
        """Return whether serve runs."""
        return self.process is not None and self.process.poll() is None

    def stop_if_up(self) -> None:
        if self.is_up():
            self.stop()

    def kill_everything(self) -> None:
        """Kill serve and all of its children at once, with SIGKILL."""
        assert self.process is not None
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait(60)

    def children(self, marker: str) -> list[int]:
        """Return the ids of this service's processes whose command line holds `marker`, the oldest first."""
        assert self.process is not None
        found = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                in_group = os.getpgid(int(folder.name)) == self.process.pid
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                started = int((folder / "stat").read_text().rpartition(")")[2].split()[19])
            except (OSError, ProcessLookupError):
                continue
            if in_group and marker in line:
                found.append((started, int(folder.name)))
        return [id for _, id in sorted(found)]  # ids begin anew at some time

    @contextmanager
    def halted(self, marker: str, *, but: int = 0) -> Iterator[None]:
        """Halt the processes of `children(marker)` meanwhile, where their work only takes CPU time.

        So many as `but` says, the oldest ones, go on.
        """
        processes = self.children(marker)[but:]

        def all_halt_and_hold_no_lock() -> bool:
            _send(signal.SIGSTOP, processes)
            try:
                with closing(sqlite3.connect(self.data / "service.db", timeout=0.5)) as connection:
                    connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                _send(signal.SIGCONT, processes)  # one was writing
                return False
            return True

        eventually(all_halt_and_hold_no_lock, 30, "they write all the time")
        try:
            yield
        finally:
            _send(signal.SIGCONT, processes)

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Carry out a statement in the service's SQLite database, as to let time pass for a row; return its rows."""
        with closing(sqlite3.connect(self.data / "service.db", timeout=30)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    # The API

    def get(self, path: str, *, headers: Mapping[str, str | None] = NONE, **kwargs: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=60, headers={**self.headers, **headers}, **kwargs)

    def put_style(self, name: str, *pictures: bytes, **fields: Any) -> requests.Response:
        body = {"images": [{"image": b64(picture)} for picture in pictures]} | fields
        return requests.put(f"{self.url}/v1/styles/{name}", json=body, headers=self.headers, timeout=60)

    def post(self, body: Any, **headers: str) -> requests.Response:
        return self.post_to("/v1/transfers", body, **headers)

    def post_to(self, path: str, body: Any, **headers: str) -> requests.Response:
        return requests.post(self.url + path, json=body, headers=self.headers | headers, timeout=120)

    def post_form(self, fields: dict[str, str], files: dict[str, Any]) -> requests.Response:
        """Post a transfer as multipart/form-data."""
        return requests.post(f"{self.url}/v1/transfers", data=fields, files=files, headers=self.headers, timeout=120)

    def transfer(self, content: bytes, *styles: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Post a transfer and wait for its end."""
        response = self.post({"content": b64(content), "styles": list(styles)} | options, Prefer="wait=60")
        assert response.status_code in (200, 202), response.text
        job: dict[str, Any] = response.json()
        return job if response.status_code == 200 else self.ended(job["id"])

    def job(self, id: str) -> dict[str, Any]:
        job: dict[str, Any] = self.get(f"/v1/transfers/{id}").json()
        return job

    def cancel(self, id: str) -> requests.Response:
        return requests.post(f"{self.url}/v1/transfers/{id}/cancel", headers=self.headers, timeout=60)

    def cancel_all(self) -> None:
        """Cancel all transfers, and wait until they have ended."""
        for status in ("queued", "running"):  # in this order no other one begins
            for job in self.get(f"/v1/transfers?status={status}&limit=100").json()["items"]:
                self.cancel(job["id"])
                self.ended(job["id"])

    def ended(self, id: str, seconds: float = 120) -> dict[str, Any]:
        eventually(lambda: self.job(id)["status"] in ENDED, seconds, f"job {id} did not end")
        return self.job(id)

    def picture(self, job: dict[str, Any]) -> np.ndarray:
        """The delivered picture, H x W x 3 uint8."""
        return np.asarray(Image.open(io.BytesIO(self.get(job["links"]["image"]).content)).convert("RGB"))


@cache
def empty_database() -> bytes:
    """The file of an SQLite database with all tables and no rows."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "service.db"
        Database(f"sqlite:///{file}").close()
        return file.read_bytes()


def _send(number: signal.Signals, processes: Iterable[int]) -> None:
    for process in processes:
        os.kill(process, number)


def eventually(condition: Callable[..., object], seconds: float, message: str) -> None:
    """Wait until the condition holds; fail with the message after SLOWEST times `seconds`."""
    within(condition, SLOWEST * seconds, message)


def within(condition: Callable[..., object], seconds: float, message: str) -> None:
    """Wait until the condition holds; fail with the message after `seconds`, which tell two ways of a thing apart.

    The checks get rarer with time, because each check of a job takes 10 ms of CPU time away from the job.
    """
    start = time.monotonic()
    while not condition():
        waited = time.monotonic() - start
        assert waited < seconds, message
        time.sleep(min(max(0.02, waited / 10), 0.25))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def png(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()
