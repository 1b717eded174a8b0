"""The pages in docs/ are true: their tables are the code's."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING
from pathlib import Path

import pytest
from front_door import ROOT
from pages import anchors, links, pages, section

from service.api.description.openapi import Api
from service.config import Settings, variables
from service.errors import ServiceError
from service.options import OPTIONS
from service.web.app import create_app

DOCS = ROOT / "docs"
API, DEPLOYING, OPERATING = (DOCS / f"{name}.md" for name in ("api", "deploying", "operating"))
PAGES_OF_A_BROWSER = ("/studio", "/docs/", "/favicon")


def options_table() -> str:
    rows = ["| option | symbol | default | range | effect |", "|---|---|---|---|---|"]
    for name, option in OPTIONS.items():
        meta = option.metadata
        default = option.default if option.default_factory is MISSING else option.default_factory()
        shown = "" if default is None else f"`{json.dumps(default)}`"
        choices = [f"`{choice}`" for choice in meta["choices"] if choice != "image"]
        span = ", ".join(choices) if choices else f"{meta['low']:g} to {meta['high']:g}"
        rows.append(f"| `{name}` | {meta['symbol']} | {shown} | {span} | {meta['doc']} |")
    return "\n".join(rows) + "\n"


def settings_table() -> str:
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, setting in variables().items():
        value = setting.default
        default = value.relative_to(ROOT) if isinstance(value, Path) and value.is_absolute() else value
        if isinstance(value, bool):
            default = "on" if value else "off"
        rows.append(
            f"| `{name}` | {f'`{default}`' if default not in ('', (), None) else ''} | {setting.metadata['doc']} |"
        )
    return "\n".join(rows) + "\n"


def test_the_options_table_is_the_codes() -> None:
    assert section(DOCS / "options.md", "options") == options_table()


def test_the_settings_table_is_the_codes() -> None:
    assert section(DEPLOYING, "settings") == settings_table()


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_setting_that_is_named_exists(page: Path) -> None:
    assert set(re.findall(r"\bNST_[A-Z_]*[A-Z]\b", page.read_text())) <= set(variables())


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Api:
    return create_app(Settings(data=tmp_path_factory.mktemp("data"), starters=False))


def test_the_endpoints_are_those_of_the_service(app: Api) -> None:
    """`GET /v1/styles/{name}` for each route and method, but the files that a browser loads by itself."""
    served = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        if not path.startswith(PAGES_OF_A_BROWSER):
            served |= {
                f"{method} {_unnamed(path)}" for method in rule.methods or () if method not in ("HEAD", "OPTIONS")
            }
    documented = re.findall(r"`((?:GET|PUT|POST|PATCH|DELETE) /[^`]*)`", _table_cells(API))
    assert {_unnamed(call) for call in documented} == served


def _unnamed(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def _table_cells(page: Path) -> str:
    """The first cells of all tables of a page."""
    return "\n".join(line.split("|")[1] for line in page.read_text().splitlines() if line.startswith("|"))


def test_every_status_of_an_error_is_explained() -> None:
    kinds = [ServiceError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    explained = set(map(int, re.findall(r"^\| (\d{3}) \|", API.read_text(), re.MULTILINE)))
    only_in_a_jobs_error = {504}
    assert {kind.status for kind in kinds} - explained <= only_in_a_jobs_error


def test_the_metrics_table_has_every_metric(app: Api) -> None:
    shown = re.findall(r"^# TYPE (nst_\w+) ", app.test_client().get("/metrics").text, re.MULTILINE)
    documented = re.findall(r"`(nst_\w+)`", _table_cells(OPERATING))
    assert sorted(documented) == sorted({name for name in shown if not name.endswith("_created")})


def test_the_index_of_the_decisions_names_every_section() -> None:
    page = DOCS / "decisions.md"
    listed = {target.removeprefix("#") for target in links(page) if target.startswith("#")}
    assert listed == anchors(page) - {"decisions"}


def test_the_picture_of_the_architecture_shows_folders_of_the_service() -> None:
    (drawing,) = re.findall(r"```mermaid\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    boxes = set(re.findall(r'"(\w+)/<br>', drawing))
    assert boxes >= {"web", "api", "jobs", "worker", "engine"}
    assert all((ROOT / "service" / name).is_dir() for name in boxes)


def test_every_folder_of_the_service_has_its_place_in_contributing() -> None:
    named = set(re.findall(r"^\| `service/(\w+)/`", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE))
    assert named == {path.parent.name for path in (ROOT / "service").glob("*/__init__.py")}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_example_of_json_can_be_read(page: Path) -> None:
    for example in re.findall(r"```json\n(.*?)```", page.read_text(), re.DOTALL):
        json.loads(example)


def test_every_test_that_a_report_names_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", (DOCS / "reports.md").read_text())
    assert len(named) > 40
    missing = [name for file, name in named if f"\ndef {name}(" not in (ROOT / "tests" / file).read_text()]
    assert missing == []
