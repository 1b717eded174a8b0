"""Processes and ports of this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress

import pytest
from front_door import eventually

from service.machine.ports import why_not_free
from service.machine.processes import is_alive

PARENT = """
import subprocess, sys, time
from service.machine.processes import end_with_parent
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], preexec_fn=end_with_parent)
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_process_is_alive_until_it_ends_even_if_nobody_waits_for_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert is_alive(process.pid)
        assert is_alive(os.getpid())
        process.kill()
        eventually(lambda: not is_alive(process.pid), 60, "a zombie counts as alive")
    assert not is_alive(process.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux does it")
def test_a_child_ends_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        try:
            assert is_alive(child)
            parent.kill()
            eventually(lambda: not is_alive(child), 60, "the child outlived its parent")
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def test_a_port_is_free_unless_somebody_listens_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert "in use" in why_not_free("127.0.0.1", port)
    assert why_not_free("127.0.0.1", port) == ""
    assert why_not_free("192.0.2.1", port)  # an address that this machine hasn't
