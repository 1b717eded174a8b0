"""Files that a web process has in memory until their clients have read them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from functools import partial
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wsgi import ClosingIterator

from service.errors import Unavailable
from service.storage.schema import DEFAULT_TENANT

LARGE = 2**20  # bytes: smaller files don't count, as the threads bound them
LEAST = 2**27  # bytes for large files, so that a page shows its pictures
RETRY_S = 2.0
HELD = "nst.held"  # key in a request's environment


class Answers:
    """The bytes of large files in responses, at most `most`; a tenant other than the default one has half of these.

    A file that is larger is sent while there is no other.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()  # by tenant

    def hold(self, environ: WSGIEnvironment, tenant: str, size: int) -> None:
        """Count so many more bytes until a request is answered. Raises Unavailable if they are too many."""
        if size < LARGE:
            return
        share = self._most if tenant == DEFAULT_TENANT else self._most // 2
        with self._lock:
            mine = sum(size for _, size in environ.get(HELD, ()))  # this request's, which keeps no one waiting
            held, own = self._held.total() - mine, self._held[tenant] - mine
            if (held and held + mine + size > self._most) or (own and own + mine + size > share):
                raise Unavailable("too many large files are being sent at the same time", retry_after=RETRY_S)
            self._held[tenant] += size
        environ.setdefault(HELD, []).append((tenant, size))

    def free(self, environ: WSGIEnvironment) -> None:
        """Count the bytes of a request's answer no longer."""
        with self._lock:
            for tenant, size in environ.pop(HELD, ()):
                self._held[tenant] -= size


class FreedAnswers:
    """WSGI middleware that frees the bytes of an answer: once it is sent, its client is gone, or it failed."""

    def __init__(self, app: WSGIApplication, answers: Answers) -> None:
        self._app = app
        self._answers = answers

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        free = partial(self._answers.free, environ)
        try:
            return ClosingIterator(self._app(environ, start_response), free)
        except BaseException:
            free()
            raise
