"""Files and folders that can't be written to are named, with their setting."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service.config import Settings
from service.errors import Unavailable
from service.storage.writable import check_writable, write_problems


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
    access = os.access
    theirs = settings.data / closed
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != theirs and access(path, mode))
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
