"""Fixtures that all tests share: models, pictures, and the service as users run it."""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from browsing import browser
from front_door import RunningService, empty_database, png
from narrow_vgg import write_narrow_vgg
from second_service import host, second_service
from servers.fixtures import database_url, postgresql, redis, s3, s3_url
from servers.tls import certificate, secure
from skimage import data
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from service.storage.blobs import Blobs
from service.storage.database import Database

__all__ = [
    "browser",
    "certificate",
    "database_url",
    "host",
    "postgresql",
    "redis",
    "s3",
    "s3_url",
    "second_service",
    "secure",
]  # fixtures of every test

ROOT = Path(__file__).resolve().parent.parent
TOGETHER = (
    "tests/studio",
    "tests/faults",
    "tests/operators",
    "tests/tenants",
    "tests/batches",
    "tests/clients",
    "tests/web",
)
"""Folders whose tests share a service or a browser: one pytest worker runs all of a folder's."""
SECOND = (
    "tests/api/test_memory_api.py",
    "tests/api/test_model_file.py",
    "tests/api/test_painter_packs.py",
    "tests/api/test_painters.py",
    "tests/outbound/test_pictures_by_address.py",
    "tests/webhooks/test_deliveries_of_pictures.py",
)
"""Files that share the second service with tests/batches."""
LONG = ("tests/api/test_fuzzed.py", "tests/broker/test_pool.py", "tests/test_serve.py", "tests/test_real_weights.py")
"""Files that take more than a minute."""
CLASSICS = ROOT.parent / "shared" / "images"  # classic photos and paintings, if there are any


def pytest_sessionstart() -> None:
    """Collect no garbage while all tests are imported: there is none, and looking takes seconds."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Let the garbage collections of tests pass over what was imported, and be rarer: they took a twentieth."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what shares the running service at one end, what doesn't at the other, and what is quick between them.

    Both ends begin with what takes long: if that came last, one of two processes would idle.
    """
    sharing = {work_unit(item.nodeid) for item in items if "service" in getattr(item, "fixturenames", ())}
    slow = {work_unit(item.nodeid) for item in items if item.get_closest_marker("slow")}
    order = {unit: number for number, unit in enumerate((*TOGETHER, *LONG))}

    def place(item: pytest.Item) -> tuple[bool, int]:
        unit = work_unit(item.nodeid)
        turn = (unit not in slow) * len(order) + order.get(unit, len(order))
        return unit not in sharing, turn if unit in sharing else -turn

    items.sort(key=place)


class FromBothEnds(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives each work unit to one pytest worker: to every second one from the end, so that few start the service."""

    def _split_scope(self, nodeid: str) -> str:
        return work_unit(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        if self.nodes.index(node) % 2:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    return FromBothEnds(config, log)


def work_unit(nodeid: str) -> str:
    """The file of a test, or its folder where that is one of those that stay together."""
    file = nodeid.partition("::")[0]
    folder = "tests/batches" if file in SECOND else file.rpartition("/")[0]
    return folder if folder in TOGETHER else file


@pytest.fixture(scope="session")
def narrow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file with random weights and a sixteenth of VGG19's channels."""
    return write_narrow_vgg(tmp_path_factory.mktemp("model") / "narrow.onnx")


@pytest.fixture(scope="session")
def real_model() -> Path:
    """The model with the real weights, built if it isn't there."""
    path = ROOT / "models" / "vgg19.onnx"
    if not path.is_file():
        subprocess.run([sys.executable, "-m", "export"], cwd=ROOT, check=True)
    return path


@pytest.fixture(scope="session")
def classics() -> Path:
    """The folder of classic pictures; skips the test where it is missing."""
    if not CLASSICS.is_dir():
        pytest.skip(f"no pictures in {CLASSICS}")
    return CLASSICS


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A real photograph, 300 x 451 x 3 uint8."""
    return np.ascontiguousarray(data.cat())  # type: ignore[no-untyped-call]  # skimage's has no types


@pytest.fixture(scope="session")
def texture() -> np.ndarray:
    """A picture with a texture of its own, 512 x 512 x 3 uint8."""
    return np.ascontiguousarray(data.immunohistochemistry())  # type: ignore[no-untyped-call]  # nor has this


@pytest.fixture(scope="session")
def photo_png(photo: np.ndarray) -> bytes:
    return png(photo)


@pytest.fixture(scope="session")
def texture_png(texture: np.ndarray) -> bytes:
    return png(texture)


@pytest.fixture(scope="session")
def made_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty SQLite database. A copy takes a millisecond, where all migrations take sixty."""
    path = tmp_path_factory.mktemp("made") / "service.db"
    path.write_bytes(empty_database())
    return path


@pytest.fixture
def data_folder(tmp_path: Path, made_database: Path) -> Path:
    """A service's data folder with an empty database."""
    shutil.copy(made_database, tmp_path)
    return tmp_path


@pytest.fixture
def database(database_url: str, made_database: Path) -> Iterator[Database]:
    """An empty database of each kind, or of one kind in test files with their own `database_url`."""
    _, sqlite, path = database_url.partition("sqlite:///")
    if sqlite and Path(path).parent.is_dir() and not Path(path).exists():
        shutil.copy(made_database, path)
    with closing(Database(database_url)) as database:
        yield database


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    """An empty blob store in a folder of the test's own."""
    return Blobs((tmp_path / "blobs").as_uri())


@pytest.fixture(scope="session")
def service(narrow_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """The whole service over the narrow model: gunicorn, a worker, a painter, SQLite, on a real socket.

    Tests of all files share it, because it takes seconds to start: leave no running job behind.
    """
    with RunningService(narrow_model, tmp_path_factory.mktemp("data"), painters=1) as running:
        yield running
