"""The access log: a request's id and trace, its line in the log, and its metrics."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import request

from service.telemetry import instruments
from service.telemetry.logs import bind
from service.telemetry.tracing import Trace, continued

logger = logging.getLogger(__name__)

TRACE, CALLER, KEY, JOB, REQUEST_ID = (
    "nst.trace",
    "nst.caller",
    "nst.key",
    "nst.job",
    "nst.request_id",
)  # keys of the WSGI environment, shared with the views
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
UNMATCHED = "unmatched"  # the route of a path that matches none
QUIET = ("/livez", "/readyz", "/metrics")  # requested all the time, so only logged at level DEBUG

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def traceparent() -> str | None:
    """Return the `traceparent` that continues the trace of this request, for its job and webhook."""
    trace: Trace | None = request.environ.get(TRACE)
    return trace.header if trace else None


class AccessLog:
    """WSGI middleware that logs and counts requests.

    It wraps all other middleware, except ProxyFix, which finds the caller's address, RootPath, and Admission, whose
    requests are asked about before they are whole.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return _Exchange(environ, start_response).start(self._app)


class _Exchange:
    """A request and its response, from the request's arrival until the last byte is sent."""

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        given = environ.get("HTTP_X_REQUEST_ID", "")
        self._id = environ[REQUEST_ID] = given if _ID.fullmatch(given) else uuid.uuid4().hex
        self._environ = environ
        self._start_response = start_response
        self._begun = time.monotonic()
        self._status = 500  # for an application that raises: gunicorn answers then
        self._route = UNMATCHED  # the rule that Flask found for the path, without ids and names
        self._bytes = 0
        self._body: Iterable[bytes] = ()
        self._chunks: Iterator[bytes] = iter(())

    def start(self, app: WSGIApplication) -> Iterable[bytes]:
        """Call the application; return the response's body."""
        trace = self._environ[TRACE] = continued(self._environ.get("HTTP_TRACEPARENT"))
        bind(request_id=self._id, trace_id=trace.trace_id, span_id=trace.span_id)
        instruments.http_requests_in_flight.inc()
        try:
            self._body = app(self._environ, self._on_start)
            self._chunks = iter(self._body)
        except BaseException:
            self.close()
            raise
        finally:
            labels = (self._method, self._route, str(self._status))
            instruments.http_request_seconds.labels(*labels).observe(time.monotonic() - self._begun)
        return self

    def _on_start(self, status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        self._status = int(status.split(" ", 1)[0])
        rule = getattr(self._environ.get("werkzeug.request"), "url_rule", None)  # Flask removes it after this
        self._route = rule.rule if rule else UNMATCHED
        return self._start_response(status, [*headers, ("X-Request-ID", self._id)], *exc_info)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        self._bytes += len(chunk)
        return chunk

    def close(self) -> None:
        """Close the body and write the log's line: the response was sent, or the client is gone."""
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        finally:
            instruments.http_requests_in_flight.dec()
            self._log()
            bind()

    def _log(self) -> None:
        path, took = self._environ.get("PATH_INFO", ""), time.monotonic() - self._begun
        about = {
            "method": self._environ["REQUEST_METHOD"],
            "path": path,
            "route": self._route,
            "status": self._status,
            "duration_ms": round(1000 * took, 1),
            "bytes": self._bytes,
            "caller": self._environ.get(CALLER),
        }
        if self._environ.get(KEY):
            about["key_id"] = self._environ[KEY]
        if JOB in self._environ:
            about["job_id"] = self._environ[JOB]
        level = logging.DEBUG if path in QUIET else logging.INFO
        words = (about["method"], path, self._status, about["duration_ms"])
        logger.log(level, "%s %s: %d in %g ms", *words, extra=about)

    @property
    def _method(self) -> str:
        method: str = self._environ["REQUEST_METHOD"]
        return method if method in METHODS else "other"
