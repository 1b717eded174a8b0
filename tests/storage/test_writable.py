"""Files and folders that can't be written to are named, with their setting."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from service.config import Settings
from service.errors import Unavailable
from service.storage import opened
from service.storage.writable import check_or_wait, check_writable, write_problems


@pytest.fixture
def settings(data_folder: Path) -> Settings:
    (data_folder / "blobs" / "jobs").mkdir(parents=True)
    (data_folder / "blobs" / "lost+found").mkdir()
    return Settings(data=data_folder)


def test_what_is_new_or_ours_is_no_problem(settings: Settings, tmp_path: Path) -> None:
    assert list(write_problems(settings)) == []
    assert list(write_problems(Settings(data=tmp_path / "new" / "data"))) == []
    assert not (tmp_path / "new").exists()
    assert list(write_problems(Settings(database_url="postgresql+psycopg://h/d", blobs="s3://bucket"))) == []


def close(monkeypatch: pytest.MonkeyPatch, closed: Path) -> None:
    """Let a file or folder be one that this process can't use, whoever it is."""
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed and access(path, mode))


def become_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, id in (("getuid", os.getuid()), ("getgid", os.getgid())):
        monkeypatch.setattr(os, name, lambda id=id: id + 1)
    monkeypatch.setattr(os, "getgroups", list)


@pytest.mark.parametrize(
    ("closed", "named"),
    [
        ("", ["{data} "]),
        ("service.db", ["{data}/service.db "]),
        ("service.db-wal", ["{data}/service.db-wal "]),
        ("blobs", ["{data}/blobs "]),
        ("blobs/jobs", ["{data}/blobs/jobs "]),
        ("blobs/jobs/inner", []),
        ("blobs/lost+found", []),  # which a disk of its own has
    ],
)
def test_each_place_that_belongs_to_others_is_named(
    settings: Settings, closed: str, named: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.data / "service.db-wal").touch()
    close(monkeypatch, settings.data / closed)
    become_another_user(monkeypatch)
    problems = list(write_problems(settings))
    paths = [problem.partition("can't")[0] for problem in problems]
    assert paths == [name.format(data=settings.data) for name in named]
    assert all("belongs to user" in problem and problem.endswith("NST_DATA") for problem in problems)


def test_an_url_that_is_none_is_named_without_its_text() -> None:
    with pytest.raises(Unavailable, match="NST_DATABASE_URL is no URL") as raised:
        check_writable(Settings(database_url="postgresql//nst:secret@db"))
    assert "secret" not in str(raised.value)


def test_a_file_in_the_place_of_a_folder_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (problem,) = write_problems(Settings(data=tmp_path / "file"))
    assert problem == f"{tmp_path}/file is no folder: see NST_DATA"
    blobs = Settings(data=tmp_path, blobs=(tmp_path / "file" / "blobs").as_uri())
    (problem,) = write_problems(blobs)
    assert problem == f"{tmp_path}/file is no folder, so {tmp_path}/file/blobs can't be made: see NST_BLOBS"


@pytest.mark.parametrize("leads_to", ["nowhere", "data"])
def test_a_link_that_leads_nowhere_is_called_so(tmp_path: Path, leads_to: str) -> None:
    (tmp_path / "data").symlink_to(tmp_path / leads_to)
    (problem,) = write_problems(Settings(data=tmp_path / "data"))
    assert problem == f"{tmp_path}/data is a symbolic link that leads nowhere: see NST_DATA"


def test_the_reason_is_the_one_that_holds(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = settings.data / "blobs" / "jobs"
    close(monkeypatch, jobs)

    def said() -> str:
        (problem,) = write_problems(settings)
        return problem.removeprefix(f"{jobs} can't be read or written to or entered: ").removesuffix(": see NST_DATA")

    jobs.chmod(0o755)
    assert said() == "its mode (755) allows it, so an access control list or a security module forbids it"
    jobs.chmod(0o555)
    assert said() == f"its mode (555) keeps its owner out, user {os.getuid()}, whose process this is"
    with monkeypatch.context() as elsewhere:
        become_another_user(elsewhere)
        assert said() == f"it belongs to user {os.getuid() - 1} (mode 555), and this process is user {os.getuid()}'s"
    about = os.statvfs(jobs)
    read_only = os.statvfs_result((*about[:8], about.f_flag | os.ST_RDONLY, *about[9:]))
    monkeypatch.setattr(os, "statvfs", lambda path: read_only)
    assert said() == "its file system is read-only"


def test_an_immutable_folder_is_called_so(settings: Settings) -> None:
    jobs = settings.data / "blobs" / "jobs"
    if subprocess.run(["chattr", "+i", jobs], capture_output=True, check=False).returncode:  # noqa: S607
        pytest.skip("no folder can be made immutable here")
    try:
        (problem,) = write_problems(settings)
    finally:
        subprocess.run(["chattr", "-i", jobs], check=True)  # noqa: S607
    assert problem.startswith(f"{jobs} can't be written to: it has the attribute i (immutable)")


def test_only_the_first_start_of_a_worker_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One that begins later waits until it may write to the database, and for nothing else."""
    close(monkeypatch, settings.data / "blobs" / "jobs")
    with pytest.raises(Unavailable, match="blobs/jobs can't be"):
        check_or_wait(settings)
    monkeypatch.setenv(opened.STARTED, "1")
    check_or_wait(settings)
    assert caplog.text == ""
    file, aside = settings.data / "service.db", settings.data / "aside"
    file.rename(aside)
    monkeypatch.setattr(time, "sleep", lambda seconds: aside.rename(file))
    check_or_wait(settings)
    assert file.exists()
    assert f"{file} isn't there any more: was it moved away? See NST_DATA" in caplog.text
