"""`doctor` on set-ups that are well, and on some that are not."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from front_door import ROOT, RunningService

from scripts.ports import free_port
from service.api.context import KEY
from service.config import Settings
from service.doctor import places
from service.doctor.places import check_blobs, check_broker, check_database, check_disk, check_places, check_port
from service.doctor.report import FAILURE, OK, WARNING, Finding, examine, exit_status
from service.doctor.setup import check_memory, check_variables
from service.doctor.store import check_models, check_store
from service.errors import StorageError
from service.jobs.registry import WorkerRegistry
from service.machine.memory import Capacity
from service.storage import identity
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.disks import Disk
from service.storage.identity import Identity
from service.tenants.keys import Keys
from service.tenants.scopes import ALL
from service.web.app import create_app
from service.web.gunicorn_hooks import warn_of_floors


def doctor(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NST_")}
    env = clean | {f"NST_{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "service", "doctor", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)


def found(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    return {finding["about"]: finding for finding in json.loads(done.stdout)["findings"]}


@pytest.mark.slow
def test_a_service_that_runs_is_well_and_stays_so(service: RunningService, narrow_model: Path) -> None:
    settings = {"data": service.data, "port": service.port, "model": narrow_model}
    done = doctor("--json", **settings, device="cpu", precision="float32")
    assert done.returncode == 0, done.stdout
    findings = found(done)
    assert {finding["status"] for finding in findings.values()} == {"ok"}
    said = {about: finding["said"] for about, finding in findings.items()}
    assert "the service answers" in said["port"]
    assert "revision" in said["database"]
    assert "CPUExecutionProvider" in said["provider"]
    assert "NST_PRECISION" in said["precision"]
    assert "8 iterations" in said["transfer"]
    assert Settings(model=narrow_model).model.name in said["model"]
    assert service.is_ready()


@pytest.mark.slow
def test_a_set_up_in_which_much_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    broker = "redis://someone:their-secret@127.0.0.1:1/0"
    settings = {"data": tmp_path / "file" / "data", "model": tmp_path / "none.onnx", "broker_url": broker}
    done = doctor(**settings, workesr=2)
    assert done.returncode == 1
    lines = {tuple(line.split()[:2]) for line in done.stdout.splitlines()}
    assert {("failure", "model"), ("failure", "blobs"), ("failure", "database"), ("failure", "engine")} <= lines
    assert {("warning", "settings"), ("warning", "broker"), ("ok", "packages")} <= lines
    assert "NST_WORKESR" in done.stdout
    assert "python -m export" in done.stdout
    assert "their-secret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_setting_that_can_not_be_read_is_named() -> None:
    done = doctor("--json", port="eighty")
    assert done.returncode == 1
    assert "NST_PORT" in found(done)["settings"]["said"]


def the_only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


def test_a_check_that_raises_is_a_failure_and_no_end() -> None:
    def broken(settings: Settings) -> Any:
        yield Finding(OK, "half", "this much is well")
        raise ZeroDivisionError("odd")

    findings = examine("broken", broken, Settings())
    assert [finding.status for finding in findings] == [OK, FAILURE]
    assert "ZeroDivisionError: odd" in findings[1].text
    assert exit_status(findings) == 1
    assert exit_status(findings[:1]) == 0


def test_a_fresh_folder_is_left_as_it_was(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "new" / "data")
    for check in (check_blobs, check_database, check_disk):
        assert the_only(list(check(settings))).status == OK
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_another_version_is_left_as_it_is(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    Database(settings.database).close()
    assert the_only(list(check_database(settings))).status == OK
    for revision, status in (("0003", WARNING), ("9999", FAILURE)):
        _stamp(tmp_path / "service.db", revision)
        assert the_only(list(check_database(settings))).status == status
        assert _stamp(tmp_path / "service.db", revision) == revision


def _stamp(file: Path, revision: str) -> str:
    """Say that a database is of this revision; return the revision before."""
    connection = sqlite3.connect(file)
    try:
        (before,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()
    finally:
        connection.close()
    return str(before)


def test_blobs_that_can_not_be_written_are_told(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("no folder")
    with pytest.raises(StorageError):
        list(check_blobs(Settings(data=tmp_path)))


def test_the_places_that_are_written_to_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    assert [finding.status for finding in check_places(Settings(data=data))] == [OK, OK]
    monkeypatch.setattr(places, "why_unusable", lambda place: "Read-only file system")
    told = {finding.about: finding for finding in check_places(Settings(data=data))}
    assert f"{data / 'tmp'}:" in told["temporary"].text
    assert not data.exists()
    data.touch()
    told = {finding.about: finding for finding in check_places(Settings(data=data))}
    assert [told[about].status for about in ("places", "temporary")] == [FAILURE, FAILURE]
    assert f"{data} is no folder: see NST_DATA" in told["places"].text


def test_a_floor_that_the_disk_is_too_small_for_is_said(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Disk, "size", lambda disk: 1000 * 2**20)
    set_high = Settings(data=data_folder, disk_floor_mb=400.0, starters=False)
    note = (
        f"NST_DISK_FLOOR_MB is 400, but a twentieth of the disk of {data_folder} is less: 50.0 MiB are in force there"
    )
    assert note in the_only(list(check_disk(set_high))).text
    warn_of_floors(create_app(set_high).extensions[KEY])
    assert note in caplog.messages
    caplog.clear()
    as_set = replace(set_high, disk_floor_mb=50.0)
    assert "in force" not in the_only(list(check_disk(as_set))).text
    warn_of_floors(create_app(as_set).extensions[KEY])
    assert "in force" not in caplog.text


def signed(settings: Settings, *models: str) -> None:
    """Workers with these models sign the registry."""
    with closing(Database(settings.database)) as database:
        for i, model in enumerate(models):
            WorkerRegistry(database).heartbeat(f"here:{i}", Capacity(None, "float32"), model)


def test_workers_with_other_models_than_the_file_are_told(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, model=tmp_path / "model.onnx")
    settings.model.write_bytes(b"a model")
    of_file = hashlib.sha256(b"a model").hexdigest()
    assert list(check_models(settings)) == []  # without a database
    signed(settings, of_file)
    assert list(check_models(settings)) == []
    signed(settings, of_file, "b" * 64)
    finding = the_only(list(check_models(settings)))
    assert (finding.status, finding.about) == (WARNING, "workers")
    assert of_file in finding.text
    assert "b" * 64 in finding.text
    assert "restart them" in finding.text
    signed(settings, "c" * 64, "c" * 64)
    said = the_only(list(check_models(settings))).text
    assert of_file in said
    assert "c" * 64 in said


def test_a_store_is_told_by_its_database(tmp_path: Path) -> None:
    """Nothing is made or changed by looking at it."""
    settings = Settings(data=tmp_path / "data")
    assert the_only(list(check_store(settings))).text == "nothing to look at"
    assert not settings.data.exists()
    blobs = Blobs(settings.blob_url)
    blobs.put("styles/old/0", b"a picture")
    finding = the_only(list(check_store(settings)))
    assert (finding.status, finding.advice) == (WARNING, identity.ADVICE)
    blobs.delete("styles/old/0")
    with closing(Database(settings.database)) as database:
        assert the_only(list(check_store(settings))).status == OK
        identity.tie_new(database, blobs)
        assert "belong together" in the_only(list(check_store(settings))).text
    aside = (settings.data / "blobs").rename(tmp_path / "aside")
    for name, check in (("blobs", check_blobs), ("store", check_store)):
        finding = the_only(examine(name, check, settings))
        assert (finding.status, finding.about) == (FAILURE, name)
        assert "was it moved away" in finding.text
    assert not (settings.data / "blobs").exists()
    aside.rename(settings.data / "blobs")
    other = Identity("another", sweeps=1)
    blobs.put(identity.KEY, other.text().encode())
    blobs.put("styles/new/0", b"a picture")
    for _ in range(2):
        finding = the_only(list(check_store(settings)))
        assert (finding.status, finding.about, finding.advice) == (FAILURE, "store", identity.ADVICE)
        assert "has the id another" in finding.text
        assert identity.of_blobs(blobs) == other


def test_a_port_of_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PATIENCE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        finding = the_only(list(check_port(Settings(port=other.getsockname()[1]))))
    assert finding.status == FAILURE
    assert the_only(list(check_port(Settings(port=free_port())))).status == OK


def test_memory_says_what_fits() -> None:
    assert "in one piece" in next(check_memory(Settings(memory_mb=100_000.0))).text
    assert "tile by tile" in next(check_memory(Settings(memory_mb=4096.0))).text
    too_little = the_only(list(check_memory(Settings(memory_mb=200.0))))
    assert too_little.status == FAILURE
    assert "a worker has 200 MiB of " in too_little.text
    assert "raise NST_MEMORY_MB" in too_little.advice
    assert "-" not in too_little.text + next(check_memory(Settings(workers=1000))).text  # no number below 0
    assert "lower NST_WORKERS" in next(check_memory(Settings(workers=1000))).advice


def test_settings_that_make_no_sense_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_WORKESR", "2")
    odd = Settings(host="0.0.0.0", open=True, database_url="postgresql+psycopg://u:p@h/d")  # noqa: S104
    warned = [finding for finding in check_variables(odd) if finding.status == WARNING]
    said = " ".join(finding.text for finding in warned)
    assert "NST_WORKESR" in said
    assert warned[0].advice == "is NST_WORKERS meant?"
    assert "0.0.0.0" in said  # noqa: S104
    assert "blobs are a folder" in said


@pytest.mark.parametrize("photos", ["here", "here/file", "none", "x" * 300])
def test_photographs_that_can_not_be_read_are_told(tmp_path: Path, photos: str) -> None:
    """A start makes this check, so it must not raise where the system refuses to look."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "file").touch()
    closed = tmp_path / ("x" * 300)
    settings = Settings(data=closed, photos=tmp_path / photos, host="0.0.0.0", open=True)  # noqa: S104
    told = " ".join(finding.text for finding in check_variables(settings) if finding.status == WARNING)
    assert ("is no folder that can be read" in told) == (photos != "here")


@pytest.mark.parametrize(
    "urls",
    [
        {"broker_url": "redis://:hidden/one@h:6379/0"},
        {"database_url": "postgresql+psycopg://nst:x@hidden@127.0.0.1:1/nst"},
        {"broker_url": "amqp://u:hid/den@h:1/0"},
    ],
)
def test_what_is_wrong_with_a_url_is_said_without_its_secrets(urls: dict[str, Any]) -> None:
    check = check_broker if "broker_url" in urls else check_database
    (finding,) = examine("url", check, Settings(**urls))
    assert finding.status == FAILURE
    assert "hid" not in finding.text + finding.advice


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ({}, []),
        ({"host": "localhost"}, []),
        ({"host": "127.0.0.2"}, []),
        ({"host": "::1"}, []),
        ({"host": "0.0.0.0", "open": True}, ["listens on 0.0.0.0"]),  # noqa: S104 - nothing is bound
        ({"host": "::", "open": True}, ["listens on ::"]),
        ({"host": "0.0.0.0", "api_keys": ("key",), "hosts": ("*",)}, []),  # noqa: S104
        ({"hosts": ("*",), "cors_origins": ("*",)}, ["NST_HOSTS is *", "NST_CORS_ORIGINS is *"]),
    ],
)
def test_who_may_use_it_without_a_key_is_said(settings: dict[str, Any], warned: list[str]) -> None:
    said = [finding.text for finding in check_variables(Settings(**settings)) if finding.status == WARNING]
    assert len(said) == len(warned)
    assert all(words in line for words, line in zip(warned, said, strict=True))


def test_what_would_not_start_without_a_key_has_failed(data_folder: Path) -> None:
    settings = Settings(host="192.0.2.7", data=data_folder)
    (found,) = [finding for finding in check_variables(settings) if finding.status == FAILURE]
    assert found.text == "it listens on 192.0.2.7 and has no keys: serve and web don't start"
    assert "python -m service keys add" in found.advice
    with closing(Database(settings.database)) as database:
        Keys(database).add("default", "first", ALL)
    assert [finding.status for finding in check_variables(settings)] == [OK]
