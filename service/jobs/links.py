"""Paths of resources as callers see them, below the path at which a proxy shows the service."""

from __future__ import annotations

import threading


class _Root(threading.local):
    """The path of each thread; the class has that of threads without one of their own."""

    path = ""


_root = _Root()


def show_below(root: str) -> None:
    """Let the links of this process begin with a path, as in /paint; an empty one for none."""
    _Root.path = root


def show_request_below(root: str) -> None:
    """Let the links that this thread makes from now on begin with a path, until its next request."""
    _root.path = root


def link(path: str) -> str:
    """Return a path of this service as callers must ask for it."""
    return _root.path + path
