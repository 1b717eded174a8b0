"""A client of the application, shared by the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from servers.postgresql import PostgreSQL

from service.api.context import KEY, AppContext
from service.config import Settings
from service.web.app import create_app


@contextmanager
def client_over(database_url: str, folder: Path) -> Iterator[FlaskClient]:
    app = create_app(Settings(data=folder, database_url=database_url, starters=False, webhook_hosts=("example.com",)))
    context: AppContext = app.extensions[KEY]
    with closing(context.database), closing(context.watch):
        yield app.test_client()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with client_over("", tmp_path_factory.mktemp("data")) as client:
        yield client


@pytest.fixture(scope="module")
def client_of_postgresql(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with client_over(postgresql.fresh_database(), tmp_path_factory.mktemp("data")) as client:
        yield client


@pytest.fixture(params=["client", pytest.param("client_of_postgresql", marks=pytest.mark.slow)])
def both(request: pytest.FixtureRequest) -> FlaskClient:
    """A client of the application over each kind of database."""
    client: FlaskClient = request.getfixturevalue(request.param)
    return client
