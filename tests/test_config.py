"""Settings from the environment: defaults, values that are read, and what follows from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service import config
from service.config import ROOT, Settings, unknown_variables, variables
from service.storage.blobs import Blobs
from service.storage.database import Database

DEFAULTS: dict[str, Any] = {
    "NST_HOST": "127.0.0.1",
    "NST_PORT": 8000,
    "NST_DATA": Path("data"),
    "NST_DATABASE_URL": "",
    "NST_BLOBS": "",
    "NST_MODEL": ROOT / "models" / "vgg19.onnx",
    "NST_DEVICE": "auto",
    "NST_PRECISION": "auto",
    "NST_WORKERS": 1,
    "NST_WEB_WORKERS": 2,
    "NST_WEB_THREADS": 16,
    "NST_THREADS": 0,
    "NST_PAINTERS": 1,
    "NST_PAINTER_MEMORY_MB": 160.0,
    "NST_MEMORY_MB": 0.0,
    "NST_QUEUE_LIMIT": 1000,
    "NST_CALLER_LIMIT": 100,
    "NST_LIMIT_REQUESTS": None,
    "NST_LIMIT_BURST": None,
    "NST_LIMIT_WAITING_JOBS": None,
    "NST_LIMIT_RUNNING_JOBS": None,
    "NST_LIMIT_DAILY_COST": None,
    "NST_LIMIT_STORED_MB": None,
    "NST_LIMIT_PRESETS": None,
    "NST_LIMIT_STREAMS": None,
    "NST_RETENTION": 604_800.0,
    "NST_LEASE_S": 120.0,
    "NST_MAX_BODY_MB": 64.0,
    "NST_BODY_S": 600.0,
    "NST_KEEPALIVE_S": 75,
    "NST_REQUEST_PICTURES": 64,
    "NST_REQUEST_MEGAPIXELS": 256.0,
    "NST_ROOT_PATH": "",
    "NST_DECODE_S": 30.0,
    "NST_CALLER_DISK_MB": 10240.0,
    "NST_DISK_FLOOR_MB": 200.0,
    "NST_GRAM_MEMORY_MB": 256.0,
    "NST_GRAM_DISK_MB": 10_240.0,
    "NST_STARTERS": True,
    "NST_API_KEYS": (),
    "NST_OPEN": False,
    "NST_HOSTS": (),
    "NST_CORS_ORIGINS": (),
    "NST_TRUSTED_PROXIES": 0,
    "NST_STREAMS": 200,
    "NST_PHOTOS": None,
    "NST_BROKER_URL": "",
    "NST_IMAGE_HOSTS": (),
    "NST_IMAGE_BUCKETS": (),
    "NST_DELIVERY_HOSTS": (),
    "NST_WEBHOOK_HOSTS": (),
    "NST_WEBHOOK_SECRET": (),
    "NST_LOG": "auto",
    "NST_METRICS_PORT": 0,
}


def read(**environ: str) -> Settings:
    return Settings.from_environment({f"NST_{name.upper()}": value for name, value in environ.items()})


def test_every_setting_has_its_default_and_says_what_it_is() -> None:
    settings = Settings.from_environment({})
    assert {name: getattr(settings, field.name) for name, field in variables().items()} == DEFAULTS
    assert all(field.metadata["doc"] for field in variables().values())


def test_an_empty_variable_means_the_default() -> None:
    assert Settings.from_environment(dict.fromkeys(DEFAULTS, "")) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("host", "0.0.0.0", "0.0.0.0"),  # noqa: S104
        ("port", "1", 1),
        ("port", "65535", 65535),
        ("data", "/srv/nst", Path("/srv/nst")),
        ("database_url", "postgresql://db/nst", "postgresql://db/nst"),
        ("blobs", "s3://bucket/prefix", "s3://bucket/prefix"),
        ("model", "other.onnx", Path("other.onnx")),
        ("device", "cuda", "cuda"),
        ("precision", "bfloat16", "bfloat16"),
        ("workers", "3", 3),
        ("web_workers", "4", 4),
        ("cors_origins", "*", ("*",)),
        ("cors_origins", "https://a.example, http://localhost:5173", ("https://a.example", "http://localhost:5173")),
        ("cors_origins", "capacitor://localhost", ("capacitor://localhost",)),
        ("hosts", "app.example.com, *.example.org:8443", ("app.example.com", "*.example.org:8443")),
        ("hosts", "10.0.0.5,[fe80::1]:8000,fe80::1,*", ("10.0.0.5", "[fe80::1]:8000", "fe80::1", "*")),
        ("web_threads", "2", 2),
        ("threads", "8", 8),
        ("painters", "0", 0),
        ("painter_memory_mb", "10", 10.0),
        ("memory_mb", "4096", 4096),
        ("queue_limit", "7", 7),
        ("caller_limit", "1", 1),
        ("limit_requests", "0.5", 0.5),
        ("limit_burst", "20", 20),
        ("limit_daily_cost", "5e3", 5000.0),
        ("retention", "90", 90.0),
        ("retention", "1.5h", 5400.0),
        ("retention", "2d", 172_800.0),
        ("lease_s", "1.5", 1.5),
        ("max_body_mb", "0.5", 0.5),
        ("body_s", "20m", 1200.0),
        ("keepalive_s", "0", 0),
        ("gram_memory_mb", "0", 0),
        ("gram_disk_mb", "7", 7),
        ("starters", "off", False),
        ("starters", "0", False),
        ("starters", "on", True),
        ("api_keys", " one, two ,,three ", ("one", "two", "three")),
        ("trusted_proxies", "2", 2),
        ("streams", "5", 5),
        ("host", "[::1]", "::1"),
        ("host", "::", "::"),
        ("database_url", "postgres://u:p@h:1/d?x=1", "postgresql+psycopg://u:p@h:1/d?x=1"),
        ("database_url", "sqlite:////srv/a.db?timeout=9", "sqlite:////srv/a.db?timeout=9"),
        ("blobs", "/srv/my blobs", "file:///srv/my%20blobs"),
        ("blobs", "blobs", f"{Path.cwd().as_uri()}/blobs"),
        ("blobs", "file:///srv/blobs", "file:///srv/blobs"),
        ("blobs", "file:/srv/blobs", "file:/srv/blobs"),
        ("blobs", "s3://bucket/prefix", "s3://bucket/prefix"),
        ("broker_url", "redis://broker/0", "redis://broker/0"),
        ("image_hosts", "cdn.example.com, 10.0.0.0/8:9000", ("cdn.example.com", "10.0.0.0/8:9000")),
        ("image_buckets", "photos, paintings", ("photos", "paintings")),
        ("delivery_hosts", "bucket.example.com", ("bucket.example.com",)),
        ("webhook_hosts", "hooks.example.com, *.example.org:8443", ("hooks.example.com", "*.example.org:8443")),
        ("webhook_secret", "whsec_x, whsec_y", ("whsec_x", "whsec_y")),
    ],
)
def test_every_setting_is_read_from_its_variable(name: str, text: str, value: Any) -> None:
    assert getattr(read(**{name: text}), name) == value


def test_a_misspelt_variable_is_found() -> None:
    environ = dict.fromkeys(DEFAULTS, "") | {
        "NST_PROT": "1",
        "NST_": "",
        "nst_port": "",
        "PORT": "1",
        "XNST_PORT": "",
    }
    assert unknown_variables(environ) == ["NST_", "NST_PROT"]


@pytest.mark.parametrize("name", ["data", "a b", "ü", "a%20b", "a#b", "a?b=c"])
def test_database_and_blobs_lie_in_the_data_folder_whatever_its_name(tmp_path: Path, name: str) -> None:
    settings = read(data=str(tmp_path / name))
    Database(settings.database).close()
    Blobs(settings.blob_url).put("key", b"1")
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {
        f"{name}/service.db",
        f"{name}/service.db-reserve",
        f"{name}/blobs/key",
    }


def test_database_and_blobs_are_elsewhere_where_that_is_said() -> None:
    given = read(database_url="sqlite:///x.db", blobs="s3://bucket")
    assert (given.database, given.blob_url) == ("sqlite:///x.db", "s3://bucket")


def test_a_relative_data_folder_is_made_absolute() -> None:
    assert read(data="here").database == f"sqlite:///{Path.cwd()}/here/service.db"
    assert read(data="here").blob_url == f"{Path.cwd().as_uri()}/here/blobs"


def test_cores_are_shared_among_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(config, "cores", lambda: 8)
    assert Settings(workers=1).cpu_threads == 8
    assert Settings(workers=3).cpu_threads == 2
    assert Settings(workers=20).cpu_threads == 1
    assert Settings(workers=3, threads=5).cpu_threads == 5


@pytest.mark.parametrize(
    "text, threads", [("3", 3), (" 2,4", 2), ("", 4), ("many", 4), ("0", 4), ("1025", 4), ("9" * 5000, 4)]
)
def test_threads_are_those_of_openmp_where_it_says(monkeypatch: pytest.MonkeyPatch, text: str, threads: int) -> None:
    monkeypatch.setattr(config, "cores", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert Settings(workers=2).cpu_threads == threads
    assert Settings(workers=2).painter_threads == (threads if threads < 4 else 4)
    assert Settings(workers=2, threads=6).cpu_threads == 6


def test_memory_is_shared_among_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "available", lambda: 9000)
    assert Settings(workers=1, painters=0).worker_memory == 8100
    assert Settings(workers=2, painters=0).worker_memory == 4050
    assert Settings(workers=2, memory_mb=1.5).worker_memory == 3 * 2**19
    assert Settings(memory_mb=1024, gram_memory_mb=24).job_memory == 1000 * 2**20
    assert Settings(memory_mb=100, gram_memory_mb=200).job_memory == 0
    assert Settings(painters=10).worker_memory == 0
    monkeypatch.setattr(config, "available", lambda: 10 * 2**30)
    assert Settings(workers=2, painters=3).worker_memory == (9 * 2**30 - 900 * 2**20) / 2
