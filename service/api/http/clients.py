"""Whether anybody still waits for an answer."""

from __future__ import annotations

import socket


def hung_up(connection: socket.socket | None) -> bool:
    """Whether the other side has closed; the first write after that would still seem to go well."""
    if connection is None:
        return False
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
