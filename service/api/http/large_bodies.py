"""Middleware that gives the memory of large bodies back to the system once their requests are answered."""

from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from service.machine.memory import MIB, give_back_memory

LARGE = MIB  # bytes of a body
FETCHED = "nst.fetched"  # key in a request's environ: it has fetched pictures, which count as a large body


class LargeBodies:
    """WSGI middleware that gives freed memory back after each large body.

    glibc's malloc keeps strings of some KB in its arenas, and only gives back an arena's free end: 10,000 strings of
    6 KB in one body left 36 MB in each of four arenas.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH") or "0"
        try:
            return self._app(environ, start_response)
        finally:
            if FETCHED in environ or (length.isdigit() and int(length) >= LARGE):
                give_back_memory()
