"""`serve` keeps running whatever dies, and stops when told."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from front_door import ROOT, RunningService, b64, eventually, png
from test_imports import loaded_by

from scripts.ports import free_port
from service.commands import serve
from service.commands.serve import Child, Supervisor
from service.config import Settings
from service.errors import ModelUnavailable
from service.machine.ports import why_not_free
from service.network.read_apart import check_model
from service.storage import identity
from service.storage.blobs import Blobs
from service.storage.database import Database

PICTURE = png(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8))
STYLE = png(np.random.default_rng(1).integers(0, 120, (70, 70, 3), np.uint8))
GOOD = {"content": b64(PICTURE), "styles": [{"preset": "kept"}], "size": 64, "iterations": 20}
LONG = GOOD | {"size": 512, "iterations": 5000}


@pytest.fixture(scope="module")
def two_workers(narrow_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with two workers, whose leases run out after 5 s."""
    settings = {"workers": 2, "lease_s": 5, "memory_mb": 8192}
    with RunningService(narrow_model, tmp_path_factory.mktemp("two"), **settings) as running:
        yield running


def test_the_web_processes_of_serve_give_large_bodies_memory_back(service: RunningService) -> None:
    """They do it by variables, which glibc reads when a process begins, as those of `web` do."""
    for process in service.children("gunicorn"):
        variables = Path(f"/proc/{process}/environ").read_text().split("\0")
        assert {"MALLOC_ARENA_MAX=4", "GLIBC_TUNABLES=glibc.malloc.hugetlb=1"} <= set(variables)


@pytest.mark.slow
def test_a_job_whose_steps_outlast_its_lease_stays_with_its_worker(two_workers: RunningService) -> None:
    """Sixteen sizes of a style and no progress yet: the lease of five seconds is renewed all the same."""
    service = two_workers
    service.put_style("large", png(np.random.default_rng(0).integers(0, 255, (900, 900, 3), np.uint8)))
    styles = [{"preset": "large", "scale": 1.2 - k / 100} for k in range(16)]
    body = {"content": b64(PICTURE), "styles": styles, "size": 1000, "iterations": 1}
    id = service.post(body).json()["id"]
    ended = service.ended(id)
    assert ended["status"] == "succeeded", ended["error"]
    assert service.log.read_text().count(f"job {id}: begun") == 1


@pytest.mark.slow
def test_too_few_files_are_said_at_the_start(narrow_model: Path, tmp_path: Path) -> None:
    service = RunningService(narrow_model, tmp_path)

    def run(command: str) -> subprocess.CompletedProcess[str]:
        line = f"ulimit -n 64; exec {sys.executable} -m service {command}"
        return subprocess.run(
            ["/bin/bash", "-c", line],
            check=False,
            cwd=ROOT,
            env=service.env,
            capture_output=True,
            text=True,
            timeout=120,
        )

    words = "a process may open 64 files here, where 256 are the least"
    refused = run("serve")
    assert refused.returncode != 0
    assert words in refused.stderr
    assert "LimitNOFILE" in refused.stderr
    assert words in run("doctor").stdout


@pytest.mark.slow
def test_a_worker_that_hangs_is_replaced(two_workers: RunningService) -> None:
    """A stopped process: its own threads can't end it."""
    hung, other = two_workers.children("service worker")
    os.kill(hung, signal.SIGSTOP)
    try:
        eventually(lambda: hung not in two_workers.children("service worker"), 90, "it hangs still")
        eventually(lambda: len(two_workers.children("service worker")) == 2, 30, "no other took its place")
    finally:
        with suppress(ProcessLookupError):
            os.kill(hung, signal.SIGCONT)
    assert other in two_workers.children("service worker")
    assert "gave no sign of life for 60 s: killed" in two_workers.log.read_text()


@pytest.mark.slow
def test_two_workers_share_the_queue(two_workers: RunningService) -> None:
    service = two_workers
    service.put_style("kept", STYLE)
    ids = [service.post(LONG).json()["id"] for _ in range(2)]
    eventually(lambda: all(service.job(id)["progress"]["iteration"] > 0 for id in ids), 30, "one worker idles")
    service.cancel_all()


def run_serve(*before: str, **settings: object) -> subprocess.CompletedProcess[str]:
    env = os.environ | {f"NST_{name.upper()}": str(value) for name, value in settings.items()}
    command = [*before, sys.executable, "-m", "service", "serve"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.slow
def test_serve_says_what_it_lacks_and_ends(narrow_model: Path, tmp_path: Path) -> None:
    missing = run_serve(model=tmp_path / "none.onnx", data=tmp_path, port=free_port())
    assert missing.returncode == 2
    assert "python -m export" in missing.stderr.splitlines()[-1]
    wrong = run_serve(port="eighty", workers=0, api_keys=" , ")
    assert wrong.returncode == 2
    for name in ("NST_PORT", "NST_WORKERS", "NST_API_KEYS"):
        assert name in wrong.stderr
    for setting in ({"webhook_hosts": "no host"}, {"webhook_secret": "too-short"}):
        unusable = run_serve(model=narrow_model, data=tmp_path, port=free_port(), **setting)
        assert unusable.returncode == 2
        assert f"NST_{next(iter(setting)).upper()}" in unusable.stderr
    missing = run_serve(model=tmp_path, data=tmp_path, port=free_port(), photos=tmp_path / "none", memory_mb=90)
    for words in ("NST_PHOTOS", "a worker has 90 MiB"):
        assert words in missing.stderr
    (tmp_path / "file").write_text("")
    no_data = run_serve(model=narrow_model, data=tmp_path / "file" / "data", port=free_port())
    assert no_data.returncode == 2
    assert "Traceback" not in no_data.stderr
    settings = Settings(data=tmp_path)
    with closing(Database(settings.database)) as database:
        identity.tie_new(database, Blobs(settings.blob_url))
    shutil.rmtree(tmp_path / "blobs")
    gone = run_serve(model=narrow_model, data=tmp_path, port=free_port())
    assert gone.returncode == 2
    assert "the blob store" in gone.stderr.splitlines()[-1]
    assert not (tmp_path / "blobs").exists()


@pytest.mark.slow
def test_serve_reads_the_model_before_it_starts_anything(narrow_model: Path, tmp_path: Path) -> None:
    model, data = tmp_path / "model.onnx", tmp_path / "data"
    model.write_bytes(narrow_model.read_bytes()[:-100])
    ended = run_serve(model=model, data=data, port=free_port())
    assert ended.returncode == 2
    assert "not all of one" in ended.stderr.splitlines()[-1]
    assert "started" not in ended.stderr
    assert not data.exists()


@pytest.mark.slow
def test_a_process_that_reads_the_model_apart_leaves_nothing_behind(narrow_model: Path) -> None:
    check_model(narrow_model)
    with pytest.raises(ModelUnavailable, match="is no file"):
        check_model(narrow_model.parent)
    code = f"from service.network.read_apart import check_model; check_model(Path({str(narrow_model)!r}))"
    assert loaded_by(f"from pathlib import Path\n{code}").isdisjoint({"onnx", "google"})


def test_who_is_killed_by_a_signal_has_last_words_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The next process gets them, and none that comes after one that could speak for itself."""
    words = "worker 1 was killed by SIGKILL, perhaps as there is too little memory"
    heard = tmp_path / "heard"
    child = Child("worker 1", ["sh", "-c", f'echo "$WORDS" >> {heard}; [ "$WORDS" ] || kill -9 $$'], words="WORDS")
    for _ in range(3):
        child.start()
        assert child.process
        child.process.wait(60)
        child.watch()
    assert heard.read_text().splitlines() == ["", words, ""]
    assert words in caplog.text


@pytest.mark.slow
def test_a_killed_worker_is_started_again_while_the_database_is_locked(two_workers: RunningService) -> None:
    with closing(sqlite3.connect(two_workers.data / "service.db", timeout=30)) as other:
        other.execute("BEGIN EXCLUSIVE")
        before = set(two_workers.children("service worker"))
        os.kill(min(before), signal.SIGKILL)
        eventually(lambda: set(two_workers.children("service worker")) - before, 60, "nobody starts it")
        other.rollback()


@pytest.mark.slow
def test_the_children_end_with_a_killed_serve(two_workers: RunningService) -> None:
    assert two_workers.process
    two_workers.process.kill()
    two_workers.process.wait(60)
    eventually(lambda: not two_workers.children("service"), 30, "orphans are left")
    assert not why_not_free("127.0.0.1", two_workers.port)


def test_restarts_of_a_child_that_ends_at_once_come_more_and_more_rarely() -> None:
    child = Child("worker 1", ["true"])
    delays = []
    for delay in (0.0, 0.5, 1, 16, 30):
        child.delay = delay
        child.start()
        assert child.process
        child.process.wait(60)
        child.started -= 20  # a start may take so long
        child.watch()
        delays.append(child.delay)
    assert delays == [0.5, 1, 2, 30, 30]


def refuse(*args: object, **kwargs: object) -> NoReturn:
    raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")


@pytest.mark.parametrize("call", ["os.pipe", "subprocess.Popen"])
def test_a_child_that_the_system_refuses_to_start_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, call: str
) -> None:
    child = Child("worker 1", ["true"], has_pulse=True)
    child.start()
    assert child.process
    child.process.wait(60)
    child.watch()
    with monkeypatch.context() as patched:
        patched.setattr(call, refuse)
        for _ in range(2):
            child.due = 0.0
            child.watch()
    assert child.process is None
    assert child.delay == 2.0
    assert "worker 1 can't be started: [Errno 11] Resource temporarily unavailable" in caplog.text
    child.due = 0.0
    child.watch()
    assert child.process
    child.tell(signal.SIGTERM)
    child.wait(time.monotonic() + 10)


class Stuck:
    """A process that the kernel doesn't let go, and its pulse, which it doesn't send."""

    pid, returncode, killed, told, theirs = 1, None, 0, 0, 0

    def poll(self) -> None:
        return None

    def wait(self, timeout: float | None = None) -> None:
        assert timeout is not None, "it waits for ever"
        raise subprocess.TimeoutExpired("stuck", timeout)

    def kill(self) -> None:
        self.killed += 1

    def send_signal(self, number: int) -> None:
        self.told += 1

    def silence(self) -> int:
        return 1000

    def close(self) -> None:
        pass


def test_a_child_that_can_t_be_killed_keeps_serve_neither_from_others_nor_from_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serve, "STOP_S", 0.0)
    stuck: Any = Stuck()
    hung = Child("worker 1", ["true"], process=stuck, pulse=stuck)
    other = Child("worker 2", ["sleep", "60"])
    supervisor = Supervisor([hung, other])
    looks = iter([False, False, True])
    monkeypatch.setattr(supervisor._stop, "wait", lambda seconds: next(looks))
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        supervisor.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (stuck.killed, stuck.told) == (2, 1)  # once as it hangs, and once at the end
    assert other.process
    assert other.process.wait(30)


@pytest.mark.slow
def test_serve_refuses_a_port_in_use(service: RunningService, narrow_model: Path, tmp_path: Path) -> None:
    second = run_serve(model=narrow_model, data=tmp_path / "other", port=service.port)
    assert second.returncode == 2
    assert str(service.port) in second.stderr
    assert service.is_ready()


@pytest.mark.slow
def test_a_serve_in_another_container_of_the_same_name_strikes_no_workers_off(
    service: RunningService, narrow_model: Path
) -> None:
    """It shares the data and the host name, and sees none of the first one's processes."""
    apart = ("unshare", "--pid", "--fork", "--mount-proc")
    tried = subprocess.run([*apart, "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"no processes of its own here: {tried.stderr.decode().strip()}")
    before = workers_of(service)
    second = run_serve(*apart, model=narrow_model, data=service.data, port=service.port)
    assert f"127.0.0.1:{service.port}" in second.stderr, "it ends after it has looked for dead workers"
    assert workers_of(service) == before


def workers_of(service: RunningService) -> set[str]:
    """Return the names of the workers in the registry."""
    with closing(sqlite3.connect(service.data / "service.db", timeout=20)) as connection:
        return {name for (name,) in connection.execute("SELECT id FROM roll")}
