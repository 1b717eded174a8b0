"""Admission: whether the web server shall read a request's body, told by its head alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, g

from service.api import auth, limits
from service.api.http import same_origin
from service.errors import ServiceError
from service.tenants.known_keys import KnownKeys

HEAD_ONLY = "nst.head_only"  # key in the environ of a request whose body isn't there, and that only asks
ADMITTED, REFUSED = "100 Continue", "417 Expectation Failed"


def tenant_of(known: KnownKeys, headers: Sequence[tuple[str, str]]) -> str:
    """Return the tenant whose key a head has, without a look at the database; for any other head the default one.

    `headers`: names in capitals, and values.
    """
    authorization, own = (
        ",".join(value for name, value in headers if name == wanted) for wanted in ("AUTHORIZATION", "X-API-KEY")
    )
    return known.tenant_of(auth.sent_key(authorization, own))


class Admission:
    """WSGI middleware that answers what only asks: ADMITTED if the body is wanted, else REFUSED.

    The checks are the hooks that every request passes later, so it is refused there by the same rules, without its
    body. No route without a known caller takes a body.
    """

    def __init__(self, app: Flask) -> None:
        self._flask = app
        self._app: WSGIApplication = app.wsgi_app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if HEAD_ONLY not in environ:
            return self._app(environ, start_response)
        start_response(ADMITTED if self._is_admitted(environ) else REFUSED, [])
        return []

    def _is_admitted(self, environ: WSGIEnvironment) -> bool:
        with self._flask.request_context(environ):
            try:
                for check in (same_origin.check, auth.check_key, limits.check_rate, auth.check_scope):
                    check()
            except ServiceError:
                return False
            return "caller" in g
