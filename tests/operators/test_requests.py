"""What the web process says of its requests, within one process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from operators.scraping import series_of, value
from sqlalchemy import text

from service.api.context import KEY
from service.config import Settings
from service.storage.database import Database
from service.web.app import create_app


@pytest.fixture
def database(data_folder: Path) -> Iterator[Database]:
    with closing(Database(Settings(data=data_folder).database)) as database:
        yield database


@pytest.fixture
def client(data_folder: Path, database: Database) -> Iterator[FlaskClient]:
    app = create_app(Settings(data=data_folder, starters=False))
    yield app.test_client()
    app.extensions[KEY].watch.close()
    app.extensions[KEY].database.close()


@pytest.mark.parametrize("id", ["mine", "a.b-c_d:1", "x" * 128])
def test_a_well_formed_request_id_comes_back(client: FlaskClient, id: str) -> None:
    assert client.get("/livez", headers={"X-Request-ID": id}).headers["X-Request-ID"] == id


@pytest.mark.parametrize("id", ["", "a b", "x" * 129, 'a"b', "é"])
def test_any_other_is_replaced(client: FlaskClient, id: str) -> None:
    first, second = (client.get("/none", headers={"X-Request-ID": id}).headers["X-Request-ID"] for _ in range(2))
    assert first not in (id, second)
    assert len(first) == 32


def test_a_scrape_without_the_database_shows_the_rest(client: FlaskClient, database: Database) -> None:
    client.get("/livez")
    with database.writing() as session:
        session.execute(text("DROP TABLE roll"))
    response = client.get("/metrics")
    assert response.status_code == 200
    series = series_of(response.text)
    assert value(series, "nst_database_up") == 0
    assert not any(name == "nst_jobs" for name, _ in series)
    labels = {"method": "GET", "route": "/livez", "status": "200"}
    assert value(series, "nst_http_request_duration_seconds_count", **labels) >= 1


def test_nothing_is_in_flight_when_all_is_answered(client: FlaskClient) -> None:
    before = in_flight(client)
    for path in ("/livez", "/none", "/v1/styles"):
        client.get(path).close()
    assert in_flight(client) == before


def in_flight(client: FlaskClient) -> float:
    """By a scrape, which is one of them."""
    with closing(client.get("/metrics")) as response:
        return value(series_of(response.text), "nst_http_requests_in_flight")


def test_a_method_that_nobody_knows_makes_no_label_of_its_own(client: FlaskClient) -> None:
    client.open("/livez", method="BREW")
    methods = {dict(labels).get("method") for _, labels in series_of(client.get("/metrics").text)}
    assert "BREW" not in methods
    assert "other" in methods


def test_metrics_are_described(client: FlaskClient) -> None:
    described = client.get("/openapi.json").get_json()["paths"]["/metrics"]["get"]
    assert list(described["responses"]["200"]["content"]) == ["text/plain"]
