"""A queue over an empty database, its watch, and the application."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator
from pathlib import Path

import pytest
from api.working import CountingQueue
from flask import Flask
from flask.testing import FlaskClient

from service.api.context import KEY, AppContext
from service.api.live.watch import Watch
from service.config import Settings
from service.jobs.leases import Leases
from service.storage.database import Database
from service.web.app import create_app


@pytest.fixture
def settings(data_folder: Path) -> Settings:
    return Settings(data=data_folder, streams=2, starters=False)


@pytest.fixture
def database_url(settings: Settings) -> str:
    return settings.database


@pytest.fixture
def queue(database: Database) -> CountingQueue:
    return CountingQueue(database)


@pytest.fixture
def leases(database: Database) -> Leases:
    return Leases(database, lease_s=60)


@pytest.fixture
def watch(queue: CountingQueue) -> Iterator[Watch]:
    watch = Watch(queue)
    yield watch
    watch.close()


@pytest.fixture
def pool(watch: Watch) -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    """Threads of clients; none outlives its test, because the watch ends first."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        yield pool
        watch.close()


@pytest.fixture
def app(settings: Settings, database: Database) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    context: AppContext = app.extensions[KEY]
    context.watch.close()
    context.database.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
