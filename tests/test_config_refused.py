"""Settings that can't be used: each is named, what may be a secret isn't shown, and unusual values are taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_config import read

from service.config import Settings
from service.errors import InvalidInput


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
        ("threads", "1025"),
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
        ("\\\\server\\nst", "is a path of Windows"),
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
