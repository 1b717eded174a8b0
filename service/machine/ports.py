"""TCP ports of this machine."""

from __future__ import annotations

import socket


def why_not_free(host: str, port: int) -> str:
    """Return why no server can listen on this address; empty where one can."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""
