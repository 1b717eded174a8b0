"""Event streams through the front door: gunicorn, worker and database as users run them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import requests
from api.listening import HEARTBEAT_S, Stream
from front_door import RunningService, b64, eventually, png, within
from jobs.submitting import submit

from service.commands.web import gunicorn_command
from service.config import Settings
from service.jobs.limits import Limits
from service.jobs.queue import Queue
from service.storage.database import Database
from service.web.connection import STALLED_S
from service.web.gunicorn_hooks import when_ready

PICTURE = b64(png(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)))
SHORT = {"content": PICTURE, "styles": [{"image": PICTURE}], "size": 128, "iterations": 80, "tolerance": 0}
DESCRIPTORS = 300  # that a process may have open unless it asks for more
LONG = SHORT | {"size": 512, "iterations": 5000}


class WebProcess(RunningService):
    """gunicorn alone, with streams that are quick to say that they are still there; jobs wait for ever."""

    def __enter__(self) -> WebProcess:
        settings = Settings(data=self.data, port=self.port, web_workers=1, streams=2)
        command = [
            word.replace("service.web.app:create_app", "api.listening:quick_app")
            for word in gunicorn_command(settings)
        ]
        limited = ["sh", "-c", f'ulimit -S -n {DESCRIPTORS}; exec "$@"', "sh"]
        self.command = [*limited, *command, "--pythonpath", "tests"]
        self.env |= {"NST_STREAMS": "2"}
        self.start(wait=False)
        eventually(lambda: self.answers("/livez"), 30, "no web process")
        return self


@pytest.fixture(scope="module")
def shared(narrow_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    with WebProcess(narrow_model, tmp_path_factory.mktemp("web")) as web:
        yield web


@pytest.fixture
def web(shared: WebProcess) -> WebProcess:
    """A web process, started anew if a test has ended it. Its log begins with the test."""
    if not shared.is_up():
        shared.__enter__()
    os.truncate(shared.log, 0)
    return shared


@pytest.fixture
def waiting_job(web: WebProcess) -> Iterator[str]:
    """The id of a job that nobody takes up."""
    database = Database(Settings(data=web.data).database)
    yield submit(Queue(database, Limits()))
    database.close()


@pytest.mark.slow
def test_a_stream_sees_a_job_from_its_first_step_to_its_end(service: RunningService) -> None:
    id = service.post(SHORT).json()["id"]
    with Stream(service, id) as stream:
        headers = stream.response.headers
        assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Accel-Buffering"] == "no"
        heard = list(stream.events)
    numbers = [event.number for event in heard]
    assert numbers == sorted(set(numbers))
    assert {event.name for event in heard} == {"progress", "preview", "done"}
    assert [event.name for event in heard].index("done") == len(heard) - 1
    assert service.job(id) | heard[-1].data == service.job(id)
    assert heard[-1].data["result"]
    fractions = [event.data["fraction"] for event in heard if event.name == "progress"]
    assert len(fractions) > 1
    assert fractions == sorted(fractions)


@pytest.mark.slow
def test_a_stream_goes_on_where_another_was_left(service: RunningService) -> None:
    id = service.post(LONG).json()["id"]
    with Stream(service, id) as stream:
        left = next(event for event in stream.events if event.number > 2)
    with Stream(service, id, left.number) as stream:
        assert next(stream.events).number > left.number
        service.cancel(id)
        assert list(stream.events)[-1].name == "done"


def test_a_deleted_job_ends_its_stream_and_is_not_there_for_the_next(service: RunningService) -> None:
    id = service.post(LONG).json()["id"]
    with Stream(service, id) as stream:
        next(stream.events)
        requests.delete(f"{service.url}/v1/transfers/{id}", timeout=30)
        assert "done" not in [event.name for event in stream.events]
    assert service.get(f"/v1/transfers/{id}/events").status_code == 404


def test_head_is_answered(service: RunningService) -> None:
    id = service.post(LONG).json()["id"]
    response = requests.head(f"{service.url}/v1/transfers/{id}/events", timeout=30)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/event-stream")
    service.cancel(id)


@pytest.fixture(scope="module")
def two_processes(narrow_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with two web processes."""
    with RunningService(narrow_model, tmp_path_factory.mktemp("two"), web_workers=2) as running:
        yield running


@pytest.mark.slow
def test_a_stream_goes_on_in_another_web_process(two_processes: RunningService) -> None:
    """While one of two processes is stopped the other one has the next connection."""
    service = two_processes
    id = service.post(LONG).json()["id"]
    one, other = _web_processes(service)
    os.kill(other, signal.SIGSTOP)
    with Stream(service, id) as first:
        left = next(event for event in first.events if event.name == "preview")
        os.kill(other, signal.SIGCONT)
        os.kill(one, signal.SIGSTOP)
        with Stream(service, id, left.number) as second:
            assert next(second.events).number > left.number
            service.cancel(id)
            assert list(second.events)[-1].name == "done"
        os.kill(one, signal.SIGCONT)
        assert list(first.events)[-1].name == "done"


@pytest.mark.slow
def test_streams_end_when_the_service_stops_and_can_be_taken_up_again(two_processes: RunningService) -> None:
    service = two_processes
    id = service.post(LONG).json()["id"]
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(Stream(service, id)) for _ in range(20)]
        heard = [next(stream.events) for stream in streams]
        assert service.stop() == 0
        log = service.log.read_text()
        assert "SIGKILL" not in log
        assert "killed" not in log
        heard += [event for stream in streams for event in stream.events]
    assert "done" not in {event.name for event in heard}
    service.start()
    newest = max(event.number for event in heard)
    with Stream(service, id, newest) as stream:
        assert next(stream.events).number > newest
        service.cancel(id)
        assert list(stream.events)[-1].name == "done"


@pytest.mark.slow
def test_200_streams_leave_the_service_answering_and_each_hears_the_end(service: RunningService) -> None:
    id = service.post(LONG).json()["id"]
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(Stream(service, id)) for _ in range(200)]
        assert service.get(f"/v1/transfers/{id}/events").status_code == 503
        assert service.answers("/livez")
        assert service.job(id)["status"] == "running"
        service.cancel(id)
        ends = [list(stream.events)[-1] for stream in streams]
    assert [end.name for end in ends] == ["done"] * 200


@pytest.mark.slow
def test_a_web_process_takes_as_many_descriptors_as_it_may(web: WebProcess) -> None:
    (child,) = _web_processes(web)
    soft, hard = re.search(r"Max open files\s+(\d+)\s+(\d+)", Path(f"/proc/{child}/limits").read_text()).groups()  # type: ignore[union-attr]
    assert soft == hard
    assert int(soft) > DESCRIPTORS


@pytest.mark.slow
def test_sigint_ends_streams_too(web: WebProcess, waiting_job: str) -> None:
    assert web.process is not None
    with Stream(web, waiting_job) as stream:
        next(stream.events)
        web.process.send_signal(signal.SIGINT)
        assert web.process.wait(30) == 0
    log = web.log.read_text()
    assert "SIGKILL" not in log


@pytest.mark.slow
def test_a_web_process_whose_parent_is_killed_ends_in_spite_of_its_streams(web: WebProcess, waiting_job: str) -> None:
    assert web.process is not None
    (child,) = _web_processes(web)
    with Stream(web, waiting_job) as stream:
        next(stream.events)
        web.process.kill()
        web.process.wait()
        within(lambda: not Path(f"/proc/{child}").exists(), 40, "it is still there")
        assert "done" not in [event.name for event in stream.events]


@pytest.mark.slow
def test_a_silent_stream_has_heartbeats_by_which_a_client_that_is_gone_leaves_its_place(
    web: WebProcess, waiting_job: str
) -> None:
    """Nothing happens to the job: only a heartbeat can find out."""
    url = f"/v1/transfers/{waiting_job}/events"
    with Stream(web, waiting_job) as one, Stream(web, waiting_job) as other:
        assert next(one.events) == next(other.events)
        comments = (line for line in one.lines if line.startswith(b":"))
        assert [next(comments) for _ in range(3)] == [b": still there"] * 3
        assert web.get(url).status_code == 503
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            within(lambda: _let_in(web, url, stack), 20 * HEARTBEAT_S, "its place is not free")
    assert "Traceback" not in web.log.read_text()


def test_a_connection_that_nobody_reads_does_not_live_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        when_ready(SimpleNamespace(LISTENERS=[SimpleNamespace(sock=listener)]))
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1000 * STALLED_S


def _let_in(service: RunningService, url: str, stack: contextlib.ExitStack) -> bool:
    response = stack.enter_context(contextlib.closing(service.get(url, stream=True)))
    return response.status_code == 200


def _web_processes(service: RunningService) -> list[int]:
    """gunicorn's processes that serve, without the one that watches them."""
    everyone = service.children("gunicorn")
    return [pid for pid in everyone if _parent(pid) in everyone]


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
