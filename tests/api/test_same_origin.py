"""Without keys: which hosts the service answers under, and whose pages may change something."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from front_door import Form, RunningService

from service.api.context import KEY
from service.api.http.same_origin import SAFE
from service.config import Settings
from service.web.app import create_app

APP = "https://app.example.com"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound


@pytest.fixture
def clients(data_folder: Path) -> Iterator[Any]:
    """Make clients of services with the settings given."""
    apps = []

    def made(**settings: Any) -> FlaskClient:
        apps.append(create_app(Settings(data=data_folder, starters=False, open=True, **settings)))
        return apps[-1].test_client()

    yield made
    for app in apps:
        app.extensions[KEY].watch.close()
        app.extensions[KEY].database.close()


def asked(service: RunningService, head: str) -> tuple[int, str]:
    """Return what a request of this very text is answered with on the real socket: its status and all of the text."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    return int(text.split(" ", 2)[1]), text


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:",
        "LocalHost.:1",
        "studio.localhost:8000",
        "127.0.0.1",
        "127.9.9.9:80",
        "[::1]:8000",
        "[::1]",
    ],
)
def test_a_service_of_this_machine_is_served_under_loopback_s_names(service: RunningService, host: str) -> None:
    assert asked(service, f"GET /v1/styles HTTP/1.1\nHost: {host}\nConnection: close")[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8000", "localhost.evil.example", "evillocalhost", "127.0.0.1.evil.example",
        "10.1.2.3", EVERYWHERE, "[::2]", "127.1", "2130706433", "user@localhost", "localhost/", "localhost:0x50",
        "localhost:99999", "localhost, evil.example", "[127.0.0.1]", "", "local host",
    ],
)  # fmt: skip
def test_no_other_host_is_served(service: RunningService, host: str) -> None:
    for path in ("/v1/styles", "/", "/metrics", "/openapi.json", "/nowhere"):
        status, text = asked(service, f"GET {path} HTTP/1.1\nHost: {host}\nConnection: close")
        assert status in (400, 421), path
        assert status == 400 or "application/problem+json" in text


def test_a_request_without_a_host_or_with_two_is_not_served(service: RunningService) -> None:
    assert asked(service, "GET /v1/styles HTTP/1.0")[0] == 421
    assert asked(service, "GET /v1/styles HTTP/1.1\nConnection: close")[0] in (400, 421)
    two = "GET /v1/styles HTTP/1.1\nHost: localhost\nHost: evil.example\nConnection: close"
    assert asked(service, two)[0] in (400, 421)


def test_a_whole_url_as_target_goes_before_host(service: RunningService) -> None:
    for url, host, expected in (
        ("http://evil.example", "localhost", 421),
        ("http://user@localhost", "localhost", 421),
        ("http://localhost", "evil.example", 200),
    ):
        assert asked(service, f"GET {url}/v1/styles HTTP/1.1\nHost: {host}\nConnection: close")[0] == expected
    posted = "DELETE http://localhost/v1/styles/none HTTP/1.1\nHost: evil.example\nConnection: close\n"
    assert asked(service, posted + "Origin: http://evil.example")[0] == 403


def test_probes_are_answered_under_any_host(service: RunningService) -> None:
    for path in ("/livez", "/readyz"):
        assert asked(service, f"GET {path} HTTP/1.0")[0] == 200
        assert asked(service, f"GET {path} HTTP/1.1\nHost: nst.svc.cluster.local\nConnection: close")[0] == 200


def test_what_is_refused_is_named_with_the_setting_that_allows_it(clients: Any) -> None:
    client = clients(hosts=("app.example.com",))
    host = client.get("/v1/styles", headers={"Host": "box.lan:80"}).json["detail"]
    assert host == "this service isn't known as 'box.lan': NST_HOSTS doesn't name that host"
    for headers in ({"Origin": APP}, {"Referer": f"{APP}/page"}, {"Origin": APP, "Sec-Fetch-Site": "cross-site"}):
        page = client.delete("/v1/styles/none", headers=headers).json["detail"]
        assert page == f"pages of '{APP}' may not do this: NST_CORS_ORIGINS doesn't name that origin"
    unnamed = client.delete("/v1/styles/none", headers={"Sec-Fetch-Site": "cross-site"}).json["detail"]
    assert unnamed.startswith("pages of other sites may not do this: NST_CORS_ORIGINS")


@pytest.mark.parametrize(
    ("settings", "host", "status"),
    [
        ({"host": "192.0.2.7"}, "192.0.2.7:8000", 200),
        ({"host": "192.0.2.7"}, "192.0.2.8:8000", 421),
        ({"host": "box.lan"}, "Box.lan:8000", 200),
        ({"host": "fd00::7"}, "[FD00:0::7]:8000", 200),
        ({"host": EVERYWHERE}, "192.0.2.8:8000", 200),
        ({"host": "::"}, "[fd00::9]", 200),
        ({"host": EVERYWHERE}, "box.lan", 421),
        ({"hosts": ("app.example.com",)}, "app.example.com:8443", 200),
        ({"hosts": ("app.example.com",)}, "a.app.example.com", 421),
        ({"hosts": ("*.example.com",)}, "a.app.example.com", 200),
        ({"hosts": ("*.example.com",)}, "example.com", 421),
        ({"hosts": ("*.example.com",)}, "badexample.com", 421),
        ({"hosts": ("app.example.com:443",)}, "app.example.com", 200),
        ({"hosts": ("app.example.com:8443",)}, "app.example.com", 421),
        ({"hosts": ("app.example.com:8443",)}, "app.example.com:8443", 200),
        ({"hosts": ("fe80::1",)}, "[fe80::1]:8000", 200),
        ({"hosts": ("*",)}, "evil.example", 200),
        ({"hosts": ("*",)}, "user@evil.example", 421),
    ],
)
def test_hosts_are_those_of_the_settings(clients: Any, settings: dict[str, Any], host: str, status: int) -> None:
    assert clients(**settings).get("/v1/styles", headers={"Host": host}).status_code == status


def test_with_keys_any_host_and_any_page_is_answered(clients: Any) -> None:
    client = clients(api_keys=("key",))
    headers = {"Host": "any.example", "Origin": APP, "Sec-Fetch-Site": "cross-site", "X-API-Key": "key"}
    assert client.get("/v1/styles", headers=headers).status_code == 200
    assert client.delete("/v1/styles/none", headers=headers).status_code == 404


@pytest.mark.parametrize(
    "said",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost:8001"},  # another service of this machine
        {"Origin": "http://localhost"},
        {"Origin": "https://localhost"},
        {"Origin": "http://localhost:8000.evil.example"},
        {"Origin": "http://localhost:8000@evil.example"},
        {"Origin": "http://a.localhost:8000"},
        {"Origin": "http://127.0.0.1:8000"},
        {"Origin": "ftp://localhost:8000"},
        {"Origin": "localhost:8000"},
        {"Origin": "http://localhost:8000, http://evil.example"},
        {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "cross-site"},  # the page came without encryption
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none", "Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "same-origin, cross-site", "Origin": "http://localhost:8000"},
        {"Referer": "http://evil.example/form"},
        {"Referer": "http://["},
    ],
)  # fmt: skip
@pytest.mark.slow
def test_pages_of_other_origins_change_nothing(clients: Any, said: dict[str, str]) -> None:
    client = clients()
    response = client.delete("/v1/styles/none", headers={"Host": "localhost:8000"} | said)
    assert (response.status_code, response.mimetype) == (403, "application/problem+json")
    assert client.get("/v1/styles", headers={"Host": "localhost:8000"} | said).status_code == 200


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("localhost:8000", {}),
        ("localhost:8000", {"Origin": "http://localhost:8000"}),
        ("localhost:8000", {"Origin": "http://LOCALHOST.:8000"}),
        ("localhost:8000", {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}),
        ("localhost:8000", {"Sec-Fetch-Site": "same-origin"}),
        ("localhost:8000", {"Sec-Fetch-Site": "none"}),
        (
            "localhost",
            {"Origin": "https://localhost:8443", "Sec-Fetch-Site": "same-origin"},
        ),  # a proxy left the port out
        ("localhost:8000", {"Origin": "https://nst.example", "Sec-Fetch-Site": "same-origin"}),  # and here all of it
        ("localhost:8000", {"Referer": "http://localhost:8000/studio"}),
        ("localhost", {"Origin": "http://localhost"}),
        ("localhost", {"Origin": "https://localhost"}),  # a proxy took the encryption away
        ("localhost:443", {"Origin": "https://localhost"}),
        ("localhost:80", {"Origin": "http://localhost"}),
        ("[::1]:8000", {"Origin": "http://[0:0:0:0:0:0:0:1]:8000"}),
        ("localhost:8000", {"Origin": APP, "Sec-Fetch-Site": "cross-site"}),
    ],
)
def test_own_pages_allowed_pages_and_programs_do(clients: Any, host: str, said: dict[str, str]) -> None:
    response = clients(cors_origins=(APP,)).delete("/v1/styles/none", headers={"Host": host} | said)
    assert response.status_code == 404


def test_with_a_star_every_page_does(clients: Any) -> None:
    for said in ({"Origin": "null"}, {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}):
        assert clients(cors_origins=("*",)).delete("/v1/styles/none", headers=said).status_code == 404


def test_other_pages_may_show_pictures_only_where_origins_are_named(clients: Any) -> None:
    policy = "Cross-Origin-Resource-Policy"
    assert clients().get("/v1/styles").headers[policy] == "same-origin"
    assert policy not in clients(cors_origins=(APP,)).get("/v1/styles").headers


def test_no_route_is_open_to_other_pages(clients: Any) -> None:
    client = clients()
    unsafe = [(rule.rule, method) for rule in client.application.url_map.iter_rules() for method in rule.methods]
    unsafe = [(path, method) for path, method in unsafe if method not in SAFE]
    assert len(unsafe) >= 7
    for path, method in [*unsafe, ("/nowhere", "POST"), ("/livez", "POST"), ("/v1/styles", "PROPFIND")]:
        response = client.open(path.replace("<", "").replace(">", ""), method=method, headers={"Origin": APP})
        assert response.status_code == 403, (method, path)


def test_a_get_stays_one_whatever_method_its_headers_name(service: RunningService, texture_png: bytes) -> None:
    service.put_style("kept", texture_png).raise_for_status()
    for name in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        assert service.get("/v1/styles/kept", headers={"Origin": APP, name: "DELETE"}).status_code == 200
    assert service.get("/v1/styles/kept").status_code == 200


def test_a_refused_form_makes_no_job(service: RunningService) -> None:
    before = service.get("/v1/transfers").json()["items"]
    form: Form = {"request": (None, '{"content": "file:photo", "styles": [{"preset": "mosaic"}]}'), "photo": b"x"}
    answer = requests.post(f"{service.url}/v1/transfers", files=form, headers={"Origin": APP}, timeout=60)
    assert answer.status_code == 403
    assert service.get("/v1/transfers").json()["items"] == before
