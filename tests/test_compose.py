"""compose.yaml fits the service: its settings, its commands, and services that are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
import yaml
from sqlalchemy import make_url

from service.__main__ import COMMANDS
from service.authority import Authority, any_matches
from service.config import Settings, variables

ROOT = Path(__file__).resolve().parent.parent
OURS = ("web", "worker", "painter")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    described: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return described


@pytest.fixture(scope="module", params=OURS)
def ours(request: pytest.FixtureRequest, compose: dict[str, Any]) -> dict[str, Any]:
    """A service of ours, its environment as it is without an .env."""
    service: dict[str, Any] = compose["services"][request.param]
    return service | {"environment": {name: plain(value) for name, value in service["environment"].items()}}


def plain(value: str) -> str:
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def test_every_setting_is_one_that_the_service_reads(ours: dict[str, Any]) -> None:
    settings = {name for name in ours["environment"] if name.startswith("NST_")}
    assert {"NST_DATABASE_URL", "NST_BLOBS", "NST_BROKER_URL"} <= settings <= set(variables())
    Settings.from_environment(ours["environment"])


def test_the_web_server_is_known_by_its_name_here(compose: dict[str, Any]) -> None:
    environment = {name: plain(value) for name, value in compose["services"]["web"]["environment"].items()}
    assert any_matches(Settings.from_environment(environment).hosts, Authority("web", 8000))


def test_every_command_is_one_of_the_services(ours: dict[str, Any]) -> None:
    assert ours["command"][:3] == ["python", "-m", "service"]
    assert ours["command"][3:] in [[name] for name in COMMANDS]


def test_what_the_settings_name_is_waited_for(ours: dict[str, Any], compose: dict[str, Any]) -> None:
    environment = ours["environment"]
    database = make_url(environment["NST_DATABASE_URL"])
    assert database.drivername == "postgresql+psycopg"
    hosts = {database.host} | {urlparse(environment[name]).hostname for name in ("NST_BROKER_URL", "AWS_ENDPOINT")}
    assert hosts == set(ours["depends_on"])
    for host in hosts:
        assert "test" in compose["services"][host]["healthcheck"]


def test_the_passwords_of_both_ends_are_the_same(ours: dict[str, Any], compose: dict[str, Any]) -> None:
    postgres, s3 = (compose["services"][name]["environment"] for name in ("postgres", "s3"))
    database = make_url(ours["environment"]["NST_DATABASE_URL"])
    there = tuple(plain(postgres[f"POSTGRES_{name}"]) for name in ("USER", "PASSWORD", "DB"))
    assert (database.username, database.password, database.database) == there
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        assert ours["environment"][f"AWS_{name}"] == plain(s3[f"ROOT_{name}"])


def test_the_bucket_is_the_folder_that_the_s3_is_given(ours: dict[str, Any], compose: dict[str, Any]) -> None:
    folders = [volume.split(":")[1] for volume in compose["services"]["s3"]["volumes"]]
    assert folders == [f"/data/{urlparse(ours['environment']['NST_BLOBS']).hostname}"]


def test_every_volume_is_declared(compose: dict[str, Any]) -> None:
    used = {volume.split(":")[0] for service in compose["services"].values() for volume in service.get("volumes", ())}
    assert used == set(compose["volumes"])


def test_every_image_from_elsewhere_is_of_a_version(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if "build" not in service:
            assert re.search(r":v?\d", service["image"]), name


def test_every_service_has_time_to_stop(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert re.fullmatch(r"\d+s", service["stop_grace_period"]), name


@pytest.mark.parametrize("name", ["worker", "painter"])
def test_cores_and_memory_can_be_shared_among_workers(name: str, compose: dict[str, Any]) -> None:
    service = compose["services"][name]
    assert [plain(service[limit]) for limit in ("cpus", "mem_limit")] == ["0", "0"]  # all of the machine's
