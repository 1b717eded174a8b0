"""`python -m service accept-blobs`: it says what would go before anything does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from argparse import Namespace
from contextlib import closing
from pathlib import Path

import pytest
from front_door import ROOT

from service.commands import accept_blobs
from service.config import Settings
from service.errors import BlobsGone
from service.storage import identity
from service.storage.blobs import Blobs
from service.storage.database import Database


def run_accept(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m service accept-blobs` over a data folder."""
    command = [sys.executable, "-m", "service", "accept-blobs", *arguments]
    env = os.environ | {"NST_DATA": str(data)}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_accept_blobs_says_what_goes_and_makes_no_database(tmp_path: Path) -> None:
    refused = run_accept(tmp_path)
    assert (refused.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "there is no database at" in refused.stderr
    settings = Settings(data=tmp_path)
    Database(settings.database).close()
    blobs = Blobs(settings.blob_url)
    for name in ("old", "young"):
        blobs.put(f"jobs/{name}/picture", b"1" * 2**20)
    aged = time.time() - 2 * 3600
    os.utime(tmp_path / "blobs/jobs/old/picture", (aged, aged))
    said = run_accept(tmp_path)
    assert said.returncode == 1
    assert "1 files (1.0 MiB) have no row in the database" in said.stdout
    assert "1 files (1.0 MiB) that are younger than an hour" in said.stdout
    assert "Accepted" in run_accept(tmp_path, "--yes").stdout
    assert blobs.get("jobs/old/picture")


def test_an_empty_store_takes_a_lost_one_s_place_by_word_of_an_operator_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NST_DATA", str(tmp_path))
    with closing(Database(Settings(data=tmp_path).database)) as database:
        identity.tie_new(database, Blobs(Settings(data=tmp_path).blob_url))
        shutil.rmtree(tmp_path / "blobs")
        waiting = identity.open_blobs(database, Settings(data=tmp_path).blob_url)
        for call in (waiting.check, lambda: accept_blobs.run(Namespace(yes=False))):
            with pytest.raises(BlobsGone, match="accept-blobs --yes"):
                call()
        assert not (tmp_path / "blobs").exists()
        assert accept_blobs.run(Namespace(yes=True)) == 0
        waiting.check()
