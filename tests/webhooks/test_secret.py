"""The secret that webhooks are signed with: the operator's, or one that the service made once."""

from __future__ import annotations

import argparse
import base64
import threading
from pathlib import Path

import pytest
from webhooks.receiver import SECRET

from service.commands import webhook_secret
from service.config import Settings
from service.errors import InvalidInput
from service.storage.database import Database
from service.webhooks.secret import check_secret, signing_secrets


def whsec(size: int) -> str:
    return "whsec_" + base64.b64encode(bytes(size)).decode()


def test_the_secrets_of_the_settings_are_used(database: Database) -> None:
    both = (SECRET, whsec(32))
    assert signing_secrets(Settings(webhook_secret=both), database) == both


@pytest.mark.parametrize("size", [24, 32, 64])
def test_24_to_64_bytes_can_be_used(size: int) -> None:
    check_secret(whsec(size))


@pytest.mark.parametrize(
    "secret",
    [
        whsec(23),
        whsec(65),
        whsec(32).removeprefix("whsec_"),
        whsec(32).replace("whsec_", "whsk_"),
        whsec(32).rstrip("="),
        whsec(32) + "!",
        "whsec_" + "-_" * 22,
        "whsec_" + "é" * 44,
        "whsec_",
    ],
)
def test_any_other_is_an_error_that_names_the_setting_and_keeps_it_secret(secret: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_secret(secret)
    assert [error.loc for error in caught.value.errors] == ["NST_WEBHOOK_SECRET"]
    assert caught.value.detail == "NST_WEBHOOK_SECRET: must be whsec_ and the base64 of 24 to 64 bytes"


def test_a_secret_of_the_settings_that_can_not_be_used_is_not_replaced_by_another(database: Database) -> None:
    with pytest.raises(InvalidInput):
        signing_secrets(Settings(webhook_secret=(SECRET, whsec(8))), database)


def test_without_one_the_service_makes_one_that_lasts(database: Database, database_url: str) -> None:
    (secret,) = signing_secrets(Settings(), database)
    check_secret(secret)
    again = Database(database_url)
    assert signing_secrets(Settings(), again) == (secret,)
    again.close()


def test_no_two_services_make_the_same(tmp_path: Path) -> None:
    secrets: set[str] = set()
    for name in ("a", "b"):
        database = Database(f"sqlite:///{tmp_path}/{name}.db")
        secrets.update(signing_secrets(Settings(), database))
        database.close()
    assert len(secrets) == 2


def test_processes_that_start_at_once_agree_on_one(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(8)]
    secrets: list[str] = []
    at_once = threading.Barrier(len(databases))

    def make(database: Database) -> None:
        at_once.wait()
        secrets.extend(signing_secrets(Settings(), database))

    threads = [threading.Thread(target=make, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()
    assert len(secrets) == len(databases)
    assert len(set(secrets)) == 1


def test_the_command_prints_the_secret_that_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NST_DATA", str(tmp_path))
    assert webhook_secret.run(argparse.Namespace(tenant=None)) == 0
    settings = Settings(data=tmp_path)
    database = Database(settings.database)
    assert capsys.readouterr().out.splitlines() == list(signing_secrets(settings, database))
    database.close()
