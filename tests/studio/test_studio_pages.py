"""The studio's files: how they are served, and what a strict policy asks of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from service.api.context import KEY
from service.config import Settings
from service.studio.pages import FILES, FOLDER, VERSION
from service.web.app import create_app

PAGE = (FOLDER / "index.html").read_text()
SCRIPTS = {path.name: path.read_text() for path in (FOLDER / "js").iterdir()}


@pytest.fixture
def client(data_folder: Path) -> Iterator[FlaskClient]:
    app = create_app(Settings(data=data_folder, api_keys=("secret",), starters=False))
    yield app.test_client()
    app.extensions[KEY].database.close()


def test_the_page_comes_without_a_key_under_a_strict_policy(client: FlaskClient) -> None:
    response = client.get("/")
    assert (response.status_code, response.mimetype) == (200, "text/html")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"


def test_an_upgrade_shows_at_once_and_nothing_is_sent_twice(client: FlaskClient) -> None:
    page = client.get("/")
    again = client.get("/", headers={"If-None-Match": page.headers["ETag"]})
    assert (page.headers["Cache-Control"], again.status_code, again.data) == ("no-cache", 304, b"")
    assert client.get("/", headers={"If-None-Match": '"older"'}).status_code == 200
    addresses = re.findall(r'="(studio/[^"]+)"', page.text)
    assert len(addresses) > 5
    for address in addresses:
        assert client.get(address).headers["Cache-Control"] == "public, max-age=31536000, immutable"
        of_another_version = client.get(address.replace(VERSION, "another"))
        assert (of_another_version.status_code, of_another_version.headers["Cache-Control"]) == (200, "no-cache")
    script = client.get(f"/studio/{VERSION}/js/main.js")
    assert (script.mimetype, script.text) == ("text/javascript", SCRIPTS["main.js"])


@pytest.mark.parametrize("name", ["nothing.js", "../pages.py", "%2e%2e/pages.py", "js"])
def test_nothing_else_is_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/studio/{VERSION}/{name}").status_code == 404


def test_it_is_no_part_of_the_api_s_description(client: FlaskClient) -> None:
    paths = client.get("/openapi.json").get_json()["paths"]
    assert paths
    assert not any(path == "/" or path.startswith("/studio") for path in paths)


def test_all_that_the_page_names_is_there() -> None:
    named = set(re.findall(r'(?:href|src)="studio/([^"]+)"', PAGE))
    assert len(named) > 5
    assert named <= set(FILES)
    imported = {name for script in SCRIPTS.values() for name in re.findall(r'from "\./([^"]+)"', script)}
    assert imported <= set(SCRIPTS) | {"service.js"}
    used = set(re.findall(r'href="#i-([a-z]+)"', PAGE)) | {
        name for script in SCRIPTS.values() for name in re.findall(r'icon\("([a-z]+)"\)', script)
    }
    assert used <= set(re.findall(r'<symbol id="i-([a-z]+)"', PAGE))


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", PAGE)
    for path in FOLDER.rglob("*.*"):
        foreign = [url for url in re.findall(r"https?://[^\s\"'`)]+", path.read_text()) if "www.w3.org" not in url]
        assert foreign == [], path
        assert "innerHTML" not in path.read_text(), path


def test_the_dark_theme_is_the_same_by_button_and_by_machine() -> None:
    css = (FOLDER / "css" / "base.css").read_text()
    palettes = re.findall(r"\{([^{}]*color-scheme: dark;[^{}]*)\}", css)
    by_machine, by_button = ([line.strip() for line in palette.strip().splitlines()] for palette in palettes)
    assert by_machine == by_button
    light = re.search(r":root \{([^}]*)\}", css)
    assert light
    names = set(re.findall(r"(--[\w-]+):", "".join(by_button)))
    assert names <= set(re.findall(r"(--[\w-]+):", light[1]))
