"""A service that tests of several folders share for what the first one's settings don't allow."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from batches.painting import Batching
from front_door import png
from outbound.picture_server import PictureServer
from servers.s3 import S3
from webhooks.receiver import SECRET

from service.machine.memory import BASE, MIB

BUCKET = "photographs"  # whose objects it may read
MAX_BODY = 8 * MIB  # bytes of a body, and of a picture that it fetches
MEMORY_MB = BASE // MIB + 1150  # of a worker for its job: enough to learn a painter, too little for 2048 px
CALLERS_JOBS = 3  # that may wait

UNUSABLE = ("a licence.txt", "banner.png")  # among the photographs


@pytest.fixture(scope="session")
def host() -> Iterator[PictureServer]:
    """A host of pictures."""
    with PictureServer() as server:
        yield server


@pytest.fixture(scope="session")
def second_service(
    narrow_model: Path, tmp_path_factory: pytest.TempPathFactory, host: PictureServer, s3: S3
) -> Iterator[Batching]:
    """The whole service with hosts that it may reach, photographs to learn from, and little memory for a job.

    One pytest worker runs all files that share it (conftest.py): leave no running job behind. Its model's file is its
    own: tests may damage it for a while.
    """
    data = tmp_path_factory.mktemp("second")
    s3.url_for(BUCKET)
    settings = {
        "image_hosts": f"127.0.0.1:{host.port}",
        "image_buckets": BUCKET,
        "webhook_hosts": "127.0.0.1",
        "delivery_hosts": "127.0.0.1",
        "webhook_secret": SECRET,
        "max_body_mb": MAX_BODY // MIB,
        "memory_mb": MEMORY_MB + 256,  # which the cache of Gram matrices takes
        "photos": _photographs(tmp_path_factory.mktemp("photographs")),
        "caller_limit": CALLERS_JOBS,
        "lease_s": 5,
    }
    running = Batching(Path(shutil.copy(narrow_model, data / "model.onnx")), data, **settings)
    running.env |= s3.environment
    with running:
        yield running


def _photographs(folder: Path) -> Path:
    """Make a folder with one photograph, and with two files that no painter can learn from."""
    text, narrow = UNUSABLE
    (folder / text).write_text("free")
    (folder / narrow).write_bytes(png(np.zeros((8, 300, 3), np.uint8)))  # 2 of 64 px
    (folder / "red.png").write_bytes(png(np.full((64, 96, 3), (255, 0, 0), np.uint8)))
    return folder
