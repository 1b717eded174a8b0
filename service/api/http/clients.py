"""A check that the client still waits for its response."""

from __future__ import annotations

import socket


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
