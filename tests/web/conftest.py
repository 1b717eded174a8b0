"""A web server over a small application."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from web.serving import WebServer


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """A web server that the tests of this folder share: leave no running request behind."""
    with WebServer(tmp_path_factory.mktemp("web")) as web:
        yield web
