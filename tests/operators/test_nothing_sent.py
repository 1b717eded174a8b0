"""What the programs of this service send to others unasked: nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from front_door import ROOT, png

from scripts.ports import free_port

pytestmark = pytest.mark.slow

RUN = """
import fcntl, os, signal, socket, subprocess, sys, threading, time, urllib.request

def answer(server):
    while True:
        asked, address = server.recvfrom(512)
        print("look-up:", asked[12:], flush=True)
        server.sendto(asked[:2] + b"\\x81\\x83" + asked[4:], address)

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
threading.Thread(target=answer, args=[server], daemon=True).start()
def ask():
    return urllib.request.urlopen(f"http://127.0.0.1:{os.environ['NST_PORT']}/v1/styles?limit=1", timeout=10).status

def stop():
    for attempt in range(100):  # the web server may not have begun yet
        try:
            ask()
            break
        except OSError:
            time.sleep(0.5)
    try:
        statuses = {ask() for _ in range(80)}
        program.stderr.close()
        print("unread:", statuses | {ask()}, flush=True)
    finally:
        program.stderr.close()
        program.send_signal(signal.SIGTERM)

program = subprocess.Popen([sys.executable, *sys.argv[2:]], stderr=subprocess.PIPE, text=True)
fcntl.fcntl(program.stderr, fcntl.F_SETPIPE_SZ, 2**14)  # bytes: some 40 lines
ready = 0
for line in program.stderr:
    print(line, end="", file=sys.stderr)
    if " is ready: " in line:
        ready += 1
        if ready == int(sys.argv[1]):
            break
if ready:
    threading.Timer(8, stop).start()  # runtimes send their first report some seconds after their start
program.wait()
print("ended:", program.returncode, flush=True)
"""
"""A program in a network of its own, whose resolver prints each look-up and knows no name.

From when it is ready on, nobody reads its log, whose pipe is full soon, and is closed in the end.
"""


def alone(home: Path, *arguments: object, **settings: object) -> str:
    """Return what a Python program printed that ran in a network of its own.

    The first argument says how many workers must be ready before it is stopped; 0 for a program that ends by itself.
    """
    home.mkdir()
    (home / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    (home / "run.py").write_text(RUN)
    inside = f'ip link set lo up && mount --bind {home}/resolv.conf /etc/resolv.conf && exec "$@"'
    run = [sys.executable, home / "run.py", *arguments]
    command = ["unshare", "--net", "--mount", "sh", "-c", inside, "sh", *map(str, run)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NST_", "XDG_", "ORT_"))}
    env = kept | {f"NST_{name.upper()}": str(value) for name, value in settings.items()} | {"HOME": str(home)}
    env["ORT_DISABLE_TELEMETRY"] = ""  # as a compose file passes on a variable that isn't set
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=200, check=False)
    if "unshare" in done.stderr or "ip: not found" in done.stderr:
        pytest.skip(f"no network of its own here: {done.stderr.strip()}")
    return done.stdout + done.stderr


def kept_at_home(home: Path) -> list[Path]:
    """The files that a program has left in its user's home."""
    return [path for path in home.rglob("*") if path.is_file() and path.name not in ("resolv.conf", "run.py", "data")]


def test_no_program_looks_a_host_up_or_leaves_a_file_at_home(narrow_model: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(png(np.zeros((40, 40, 3), np.uint8)))
    where = {"model": narrow_model, "data": tmp_path / "data", "port": free_port()}
    where |= {"web_workers": 1, "web_threads": 2, "streams": 1}  # few threads, which a full log would stop soon
    stylize = ("stylize", picture, "--style", picture, "--size", 64, "--iterations", 2, "-o", tmp_path / "out.png")
    programs = {
        "serve": (2, "-m", "service", "serve"),  # the web server, a worker and a painter worker
        "stylize": (0, "-m", "service", *stylize),
        "doctor": (0, "-m", "service", "doctor"),
        "export": (
            0,
            "-m",
            "export",
            "--weights",
            "random",
            "--width-divisor",
            16,
            "--output",
            tmp_path / "random.onnx",
        ),
    }
    for name, arguments in programs.items():
        said = alone(tmp_path / name, *arguments, **where)
        assert "look-up:" not in said, f"{name}: {said}"
        assert "ended: 0" in said, f"{name}: {said}"
        assert kept_at_home(tmp_path / name) == []
        if name == "serve":
            assert "unread: {200}" in said, said
            records = [json.loads(line) for line in said.splitlines() if not line.startswith(("ended:", "unread:"))]
            assert {"service.commands.serve", "gunicorn.error"} <= {record["logger"] for record in records}
