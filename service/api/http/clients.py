"""The connection to the client of a request: whether it is still there, and its end."""

from __future__ import annotations

import socket
from contextlib import suppress


def hung_up(connection: socket.socket | None) -> bool:
    """Return whether the client has closed the connection; the first write after that would still succeed."""
    if connection is None:
        return False
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def cut(connection: socket.socket | None) -> None:
    """Break a connection under the thread that answers on it, whose next write then fails."""
    if connection is not None:
        with suppress(OSError):  # it is broken already
            connection.shutdown(socket.SHUT_RDWR)
