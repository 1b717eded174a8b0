"""The path below which a proxy shows the service: what callers see begins with it, what the views see doesn't."""

from __future__ import annotations

import re
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from service.jobs.links import show_request_below
from service.settings.urls import ROOT_PATH

PRIVATE = "/metrics"  # never answered below the root path: a proxy passes on all that is below it


class RootPath:
    """WSGI middleware that tells the application its root path.

    The proxy may pass requests on with the root path or without it. `root` is NST_ROOT_PATH; if it is empty, the path
    is that of X-Forwarded-Prefix where `trusts_header`.
    """

    def __init__(self, app: WSGIApplication, root: str, *, trusts_header: bool) -> None:
        self._app = app
        self._root = root
        self._trusts_header = trusts_header

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        forwarded = self._forwarded(environ)
        root = self._root or forwarded
        path = environ["PATH_INFO"]
        if root and path == root:
            start_response("308 Permanent Redirect", [("Location", f"{root}/"), ("Content-Length", "0")])
            return []
        if path == PRIVATE and forwarded:  # it was asked for below the path, which the proxy has taken off
            path = environ["PATH_INFO"] = root + PRIVATE
        if path.startswith(f"{root}/") and path != root + PRIVATE:
            environ["PATH_INFO"] = path.removeprefix(root)
        environ["SCRIPT_NAME"] = root
        show_request_below(root)
        return self._app(environ, start_response)

    def _forwarded(self, environ: WSGIEnvironment) -> str:
        """Return the path of the header; empty where it isn't believed, or isn't the path of a folder."""
        prefix = environ.get("HTTP_X_FORWARDED_PREFIX", "").rstrip("/") if self._trusts_header else ""
        return prefix if re.fullmatch(ROOT_PATH, prefix) else ""
