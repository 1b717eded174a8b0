"""What is written to standard error or output past the log becomes records of it, whoever writes it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from front_door import ROOT, eventually

from scripts.ports import free_port

PROVOKE = """
import ctypes, logging, os, subprocess, sys, threading, time, warnings
from service.telemetry.logs import set_up_logs
from service.telemetry.stray_lines import capture_stray_lines, kept_descriptor

capture_stray_lines("json")
warnings.warn("too early")
set_up_logs("json")
warnings.warn("in time")
logging.getLogger("ours").info("a record")
print("to standard output", flush=True)
os.write(2, b"\\x1b[0;93m2026-01-01 [W:onnxruntime:] coloured\\x1b[m\\n\\n  \\nin two ")
os.write(2, b"pieces\\n")
os.write(2, b"x" * 20_000 + b"\\n\\xff no text\\n")
print({"level": "INFO"}, file=sys.stderr)
child = "import os; os.write(2, b'of a child without an end'); os._exit(3)"
subprocess.run([sys.executable, "-c", child])
nested = "from service.telemetry.stray_lines import *; from service.telemetry.logs import *; import logging;"
nested += "capture_stray_lines('json'); set_up_logs('json'); logging.getLogger('nested').info('inside'); print('out')"
subprocess.run([sys.executable, "-c", nested], pass_fds=kept_descriptor())
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()

class Odd:
    def __del__(self):
        raise ValueError("in a finalizer")

Odd()
time.sleep(1.5)
ctypes.CDLL(None).puts(b"by the C library")
ctypes.CDLL(None).fflush(None)
os.write(2, b"terminate called\\n")
os.abort()
"""


def lines_of(text: str) -> list[dict[str, Any]]:
    """The lines of a log, each of which must be a record."""
    lines = [json.loads(line) for line in text.splitlines()]
    assert all({"time", "level", "logger", "process", "message"} <= set(line) for line in lines)
    return lines


@pytest.mark.slow
def test_every_line_of_a_process_and_its_children_is_a_record() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("SERVICE_")}
    command = [sys.executable, "-c", PROVOKE]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGABRT
    assert done.stdout == ""
    lines = lines_of(done.stderr)
    stray = [line["message"] for line in lines if line["logger"] == "stderr"]
    for message in (
        "to standard output", "2026-01-01 [W:onnxruntime:] coloured", "in two pieces", "\\xff no text", "out",
        "{'level': 'INFO'}", "of a child without an end", "by the C library", "terminate called",
    ):  # fmt: skip
        assert message in stray
    assert any(message.endswith("UserWarning: too early") for message in stray)
    assert "".join(message for message in stray if set(message) == {"x"}) == "x" * 20_000
    assert "" not in stray
    others = {line["logger"]: line for line in lines if line["logger"] != "stderr"}
    assert others["ours"]["message"] == "a record"
    assert others["nested"]["message"] == "inside"
    assert "in time" in others["py.warnings"]["message"]
    errors = "".join(line.get("exc_info", "") for line in lines)
    assert "ZeroDivisionError" in errors
    assert "in a finalizer" in errors
    messages = [line["message"] for line in lines]
    assert messages.index("of a child without an end") < messages.index("terminate called")
    by = {line["message"]: line["process"] for line in lines}
    assert by["out"] == others["nested"]["process"] != by["to standard output"] == others["ours"]["process"]


def settings(model: Path, data: Path, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("NST_", "SERVICE_"))}
    return clean | {"NST_MODEL": str(model), "NST_DATA": str(data), "NST_PORT": str(free_port())} | more


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "more", "said"),
    [
        ("serve", {"NST_PORT": "eighty"}, "NST_PORT: must be a whole number"),
        ("painter", {"NST_LOG": "loud"}, "NST_LOG: must be auto, json or text"),
        ("web", {"GUNICORN_CMD_ARGS": "--no-such-option"}, "unrecognized arguments: --no-such-option"),
    ],
)
def test_what_a_command_ends_of_is_in_its_log(
    narrow_model: Path, tmp_path: Path, command: str, more: dict[str, str], said: str
) -> None:
    env = settings(narrow_model, tmp_path, **more)
    line = [sys.executable, "-m", "service", command]
    done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in lines_of(done.stderr)[-1]["message"]


@pytest.mark.slow
def test_the_last_words_of_a_worker_are_in_its_log(narrow_model: Path, tmp_path: Path) -> None:
    env = settings(narrow_model, tmp_path, PYTHONFAULTHANDLER="1", OMP_DISPLAY_ENV="TRUE", PYTHONWARNINGS="always")
    log = tmp_path / "log"
    with log.open("wb") as file:
        command = [sys.executable, "-m", "service", "worker"]
        worker = subprocess.Popen(command, cwd=ROOT, env=env, stdout=file, stderr=file)
    try:
        eventually(lambda: "is ready" in log.read_text(), 60, "not ready")
        worker.send_signal(signal.SIGABRT)
        assert worker.wait(60) == -signal.SIGABRT
        eventually(lambda: "Fatal Python error: Aborted" in log.read_text(), 60, "no last words")
    finally:
        worker.kill()
    stray = [line for line in lines_of(log.read_text()) if line["logger"] == "stderr"]
    assert {line["process"] for line in stray} == {worker.pid}
    assert any("OPENMP DISPLAY ENVIRONMENT" in line["message"] for line in stray)
