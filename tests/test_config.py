"""Settings from the environment: defaults, and what is said of values that can't be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service import config
from service.config import ROOT, Settings, unknown_variables, variables
from service.errors import InvalidInput
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


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("port", "http"),
        ("host", "http://127.0.0.1"),
        ("host", "127.0.0.1:8000"),
        ("database_url", "service.db"),
        ("database_url", "mysql://h/d"),
        ("database_url", "sqlite://"),
        ("database_url", "sqlite:///:memory:"),
        ("database_url", "sqlite:///file:x?mode=memory&uri=true"),
        ("database_url", "sqlite:///~/service.db"),
        ("blobs", "file://srv/blobs"),
        ("blobs", "file:///~/blobs"),
        ("blobs", "memory:///"),
        ("blobs", "s3:/bucket"),
        ("blobs", "s3:bucket"),
        ("blobs", "c:blobs"),
        ("blobs", "gs://bucket"),
        ("blobs", "s3://"),
        ("broker_url", "localhost:6379"),
        ("broker_url", "http://broker"),
        ("port", "0"),
        ("port", "65536"),
        ("port", "80.5"),
        ("device", "gpu"),
        ("precision", "float16"),
        ("workers", "0"),
        ("web_workers", "0"),
        ("cors_origins", "app.example.com"),
        ("cors_origins", "https://app.example.com/"),
        ("cors_origins", "https://*.example.com"),
        ("cors_origins", "null"),
        ("hosts", "https://app.example.com"),
        ("hosts", "app.example.com/"),
        ("hosts", "app.example.com:0"),
        ("hosts", "app.example.com:65536"),
        ("hosts", "me@app.example.com"),
        ("hosts", "*.10.0.0.5"),
        ("hosts", "a*.example.com"),
        ("hosts", "[10.0.0.5]"),
        ("web_threads", "1"),
        ("threads", "-1"),
        ("painters", "-1"),
        ("painter_memory_mb", "9"),
        ("memory_mb", "-1"),
        ("queue_limit", "0"),
        ("caller_limit", "-1"),
        ("limit_requests", "0"),
        ("limit_requests", "nan"),
        ("limit_requests", "1e7"),
        ("limit_burst", "1.5"),
        ("limit_running_jobs", "0"),
        ("retention", "0"),
        ("retention", "a week"),
        ("retention", "d"),
        ("trusted_proxies", "-1"),
        ("root_path", "paint"),
        ("root_path", "//paint.example.com"),
        ("root_path", "/paint/../x"),
        ("root_path", "/a b"),
        ("streams", "0"),
        ("image_hosts", ","),
        ("image_buckets", ","),
        ("delivery_hosts", ","),
        ("webhook_hosts", ","),
        ("lease_s", "0.5"),
        ("lease_s", "a minute"),
        ("lease_s", "nan"),
        ("lease_s", "inf"),
        ("max_body_mb", "0"),
        ("body_s", "0"),
        ("keepalive_s", "-1"),
        ("gram_memory_mb", "-1"),
        ("gram_disk_mb", "nan"),
        ("starters", "maybe"),
        ("api_keys", " , "),
        ("api_keys", "abc # mine"),
        ("api_keys", 'a,"b"'),
        ("api_keys", "schlüssel"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(**{name: text})
    assert [error.loc for error in caught.value.errors] == [f"NST_{name.upper()}"]
    assert f"NST_{name.upper()}: " in str(caught.value)


def test_a_key_that_nobody_can_send_is_refused_without_its_text() -> None:
    with pytest.raises(InvalidInput, match=r"NST_API_KEYS: has a blank .* in its key 2$"):
        read(api_keys="one,two # mine")


def test_a_choice_names_what_it_can_be() -> None:
    with pytest.raises(InvalidInput, match="NST_DEVICE: must be auto, cpu or cuda"):
        read(device="tpu")
    with pytest.raises(InvalidInput, match="NST_PRECISION: must be auto, float32 or bfloat16"):
        read(precision="half")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("port", "eighty", "must be a whole number, not 'eighty'"),
        ("metrics_port", "80.5", "must be a whole number, not '80.5'"),
        ("workers", "two", "must be a whole number, not 'two'"),
        ("lease_s", "long", "must be a number, not 'long'"),
        ("retention", "7 days", "must be seconds, or a number with s, m, h or d as in 12h, not '7 days'"),
        ("decode_s", "m", "must be seconds, or a number with s, m, h or d as in 12h, not 'm'"),
    ],
)
def test_what_is_no_number_is_told_in_our_words(name: str, text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(**{name: text})
    assert [error.msg for error in caught.value.errors] == [said]


@pytest.mark.parametrize("name", ["data", "model", "host", "api_keys", "webhook_secret", "database_url", "workers"])
@pytest.mark.parametrize(
    "text", ['"a"', "'a'", "`a`", "\u201ca\u201d", "\u201ea\u201c", "\u00aba\u00bb", "a\rb", "a\x00b", "a\nb"]
)
def test_quotation_marks_and_control_characters_are_refused_and_not_shown(name: str, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(**{name: text})
    ((loc, said),) = [(error.loc, error.msg) for error in caught.value.errors]
    assert loc == f"NST_{name.upper()}"
    assert "quotation marks" in said or "control character" in said
    assert text not in said


def test_the_end_of_a_windows_line_is_no_part_of_a_value() -> None:
    assert read(data="/data\r").data == Path("/data")
    assert read(port=" 80\r\n").port == 80
    assert read(host="\r").host == Settings().host


def test_a_tilde_is_the_home_of_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert read(data="~/nst").data == Path("/home/somebody/nst")
    assert read(data="/data/~").data == Path("/data/~")
    with pytest.raises(InvalidInput, match="NST_DATA: begins with ~, but nobody knows whose folder that is"):
        read(data="~nobody-of-this-name/nst")


@pytest.mark.parametrize("name", ["data", "model", "blobs", "photos"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("$HOME/nst", "has a variable in it"),
        ("${DATA}", "has a variable in it"),
        ("/srv/$(hostname)/nst", "has a variable in it"),
        ("/srv/nst # on the large disk", "has a comment behind it"),
        ("%APPDATA%/nst", "has a variable in it"),
        ("/srv/a-$USER/b", "has a variable in it"),
        ("%h/data", "has a variable in it"),
        ("/srv/{{ data }}", "has a variable in it"),
        ("/srv/data;", "has a semicolon at its end"),
        ('"/srv/data', "has a quotation mark in it"),
        ("/srv/data'", "has a quotation mark in it"),
        ("/srv/\u201cdata\u201d/nst", "has a quotation mark in it"),
        ("/srv/`hostname`/nst", "has a quotation mark in it"),
        ("\ufeff/srv/data", r"has an invisible character in it \(U\+FEFF\)"),
        ("/srv/da\u200bta", r"has an invisible character in it \(U\+200B\)"),
        ("C:\\nst", "is a path of Windows"),
        ("C:/nst", "is a path of Windows"),
        ("NST_DATA=/srv/nst", "begins with the name of a variable"),
        ("file:///srv/nst", "must be a path, not the URL"),
        ("export NST_DATA=/srv/nst", "begins with the name of a variable"),
    ],
)
def test_a_path_that_would_make_an_odd_folder_is_refused(name: str, text: str, said: str) -> None:
    if name == "blobs" and text.startswith("file:"):
        assert read(blobs=text).blobs == text
        return
    if name == "blobs" and text.startswith("C:"):
        said = "must be a folder, or a URL"
    with pytest.raises(InvalidInput, match=f"NST_{name.upper()}: {said}"):
        read(**{name: text})


def test_a_path_may_have_unusual_characters() -> None:
    for text in (
        "/srv/a#b",
        "/srv/it's",
        "/srv/a$",
        "/srv/5$ a",
        "/srv/$5",
        "/srv/a;b",
        "/srv/9%",
        "/srv/d\u00e4t\u00e4 2",
    ):
        assert read(data=text).data == Path(text)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("database_url", "sqlite:////srv/$USER/service.db", "has a variable in it"),
        ("database_url", "sqlite:////srv/service.db # on the large disk", "has a comment behind it"),
        ("database_url", "postgresql://nst:${DB_PASSWORD}@db/nst", "has a variable in it"),
        ("database_url", "postgresql://nst:secret@${DB_HOST}/nst", "has a variable in it"),
        ("database_url", "postgresql://nst:secret@db/nst;", "has a semicolon at its end"),
        ("database_url", 'postgresql://nst:secret@db/nst"', "has a quotation mark in it"),
        ("blobs", "file:///srv/$HOME/blobs", "has a variable in it"),
        ("blobs", "s3://bucket/{{ prefix }}", "has a variable in it"),
        ("blobs", "s3://bucket # the new one", "has a comment behind it"),
        ("broker_url", "redis://:{{ secret }}@broker/0", "has a variable in it"),
    ],
)
def test_a_url_has_no_variables_either_and_is_not_shown(name: str, text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=f"NST_{name.upper()}: {said}") as caught:
        read(**{name: text})
    assert text not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("secret", ["$ecret", "a`b", "'%h/$x'", "%7B%7B", "pa$$word;", '"'])
def test_a_password_may_have_unusual_characters(secret: str) -> None:
    url = f"postgresql://nst:{secret}@db/nst"
    assert read(database_url=url).database_url == url


def test_a_url_may_have_escapes() -> None:
    for text in ("file:///srv/%C3%84rger/%20%23b", "s3://bucket/it's/%7B%7Ba"):
        assert read(blobs=text).blobs == text


def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        read(port="x", workers="0", lease_s="nan", host="fine")
    assert {error.loc for error in caught.value.errors} == {"NST_PORT", "NST_WORKERS", "NST_LEASE_S"}


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


@pytest.mark.parametrize("text, threads", [("3", 3), (" 2,4", 2), ("", 4), ("many", 4), ("0", 4)])
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
    monkeypatch.setattr(config, "available", lambda: 10 * 2**30)
    assert Settings(workers=2, painters=3).worker_memory == (9 * 2**30 - 900 * 2**20) / 2
