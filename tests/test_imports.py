"""Who may import whom: the floors of the design, read from the source without importing any of it."""

from __future__ import annotations

import ast
import functools
import json
import subprocess
import sys
from collections.abc import Set
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ANYTHING = "anything"  # but tests and tools

FLOORS: tuple[dict[str, tuple[str, ...]], ...] = (
    {
        "authority": (),
        "errors": (),
    },
    {
        "machine": (),
        "settings": (),
    },
    {
        "config": (),
        "pictures": ("PIL", "numpy"),
        "telemetry": ("prometheus_client", "pythonjsonlogger"),
    },
    {
        "__main__": (ANYTHING,),
        "decoding": ("PIL", "numpy", "pillow_heif"),
        "network": ("google", "numpy", "onnx", "safetensors"),
        "storage": ("alembic", "obstore", "pydantic_core", "sqlalchemy"),
    },
    {
        "options": (),
        "outbound": (),
        "styles": ("cachetools", "numpy", "onnx", "onnxruntime", "safetensors", "sqlalchemy"),
    },
    {
        "engine": ("numpy", "safetensors", "torch"),
        "jobs": ("sqlalchemy",),
        "studio": ("flask",),
    },
    {
        "tenants": ("sqlalchemy",),
        "painters": ("PIL", "cachetools", "numpy", "onnx", "onnxruntime", "safetensors", "torch"),
    },
    {
        "painting": ("numpy", "torch"),
        "webhooks": ("standardwebhooks",),
    },
    {
        "api": (
            "flask",
            "flask_cors",
            "flask_openapi3",
            "flask_openapi3_swagger",
            "prometheus_client",
            "pydantic",
            "pydantic_core",
            "werkzeug",
        ),
        "backup": ("sqlalchemy",),
        "worker": ("sqlalchemy",),
    },
    {
        "broker": ("billiard", "celery", "kombu"),
    },
    {
        "doctor": (ANYTHING,),
    },
    {
        "commands": (ANYTHING,),
    },
    {
        "web": (ANYTHING,),
    },
)
"""The rooms of service/, floor by floor from below: a folder, or a module beside them, and the packages from outside
that it may import. A room imports what lies on the floors below its own, and nothing else."""
SEPARATE = {
    "api": (
        "engine",
        "painters.graph",
        "painters.sessions",
        "painting",
        "styles.cache",
        "styles.grams",
        "styles.extractor",
    ),
    "jobs": ("engine", "styles"),
    "engine": ("decoding", "storage", "telemetry", "styles", "jobs"),
    "styles": ("engine", "jobs"),
    "webhooks": ("engine", "styles"),
    "studio": ("decoding", "storage"),
}
"""Rooms that must not import some of those below them, so that a web process stays without torch."""
WEB_STAYS_WITHOUT = ("torch", "onnxruntime", "onnx")
DECODER_STAYS_WITHOUT = (*WEB_STAYS_WITHOUT, "sqlalchemy", "obstore", "flask", "pydantic", "requests")
ENGINE_STAYS_WITHOUT = ("flask", "prometheus_client", "werkzeug", "pydantic", "sqlalchemy", "obstore", "onnxruntime")


def module_name(path: Path) -> str:
    """service/engine/vgg.py -> engine.vgg; a package's own file -> engine, service's -> the empty name."""
    parts = path.relative_to(ROOT / "service").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted((ROOT / "service").rglob("*.py"))}


def room_of(module: str) -> str:
    """The folder that a module lies in, or the module itself where it lies at the root."""
    return module.split(".", maxsplit=1)[0]


def floor_of(room: str) -> int | None:
    """The number of a room's floor, None for a room that isn't in the table."""
    return next((number for number, rooms in enumerate(FLOORS) if room in rooms), None)


@functools.cache
def imports_of(source: str, module: str) -> frozenset[str]:
    """All that a module's source imports, functions and branches included: `service.x.y` or a package's name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports by a relative name"
            assert node.module is not None
            found |= {_imported(node.module, alias.name) for alias in node.names}
    return frozenset(name if name.split(".")[0] == "service" else name.split(".")[0] for name in found)


def _imported(module: str, name: str) -> str:
    """`from service.pictures import images` imports a module, `from service.options import OPTIONS` a name of one."""
    below = f"{module}.{name}"
    return below if below.removeprefix("service.") in MODULES else module


def violations(module: str, imported: Set[str]) -> list[str]:
    """Return the imports that a module may not have."""
    return [target for target in sorted(imported) if not _may_import(room_of(module), target)]


def _may_import(room: str, target: str) -> bool:
    top = target.split(".", maxsplit=1)[0]
    if top in sys.stdlib_module_names or target == "service":  # service/__init__.py holds the version alone
        return True
    floor = floor_of(room)
    assert floor is not None
    if top != "service":
        packages = FLOORS[floor][room]
        return top in packages or (ANYTHING in packages and top not in ("tests", "export"))
    name = target.removeprefix("service.")
    used = room_of(name)
    below = floor_of(used)
    if used == room:
        return True
    return below is not None and below < floor and not {used, name} & set(SEPARATE.get(room, ()))


def test_modules_import_only_what_their_floors_may() -> None:
    imported = {module: imports_of(path.read_text(), module) for module, path in MODULES.items() if module}
    wrong = {module: violations(module, names) for module, names in imported.items()}
    assert {module: targets for module, targets in wrong.items() if targets} == {}


def test_every_room_has_its_floor() -> None:
    """A new room must be placed here before anything else."""
    rooms = [room for floor in FLOORS for room in floor]
    assert sorted(rooms) == sorted({room_of(module) for module in MODULES if module})
    assert len(set(rooms)) == len(rooms)
    assert set(SEPARATE) <= set(rooms)


def test_few_modules_lie_at_the_root() -> None:
    assert len(list((ROOT / "service").glob("*.py"))) <= 6


def test_packages_themselves_import_nothing() -> None:
    """Whoever imports one module of a package runs the package's own file too: `service` sets a variable there."""
    for module, path in MODULES.items():
        if path.name == "__init__.py":
            allowed = {"os"} if path.parent.name == "service" else set()
            assert imports_of(path.read_text(), module) == allowed, path


def test_only_the_entry_point_imports_by_a_name_made_at_run_time() -> None:
    for module, path in MODULES.items():
        if module not in ("__main__", "doctor.setup", "pictures.formats"):  # which ask what is installed
            assert "importlib" not in imports_of(path.read_text(), module)
            assert "__import__" not in path.read_text()


@pytest.mark.parametrize(
    ("module", "line", "wrong"),
    [
        ("pictures.images", "import torch", "torch"),
        ("pictures.images", "from service.storage import blobs", "service.storage.blobs"),
        ("engine.vgg", "from flask import request", "flask"),
        ("engine.vgg", "from service.styles.grams import Mean", "service.styles.grams"),
        ("options", "from service.engine.vgg import VGG", "service.engine.vgg"),
        ("storage.blobs", "from service.jobs import queue", "service.jobs.queue"),
        ("jobs.queue", "def f():\n    import service.api.auth", "service.api.auth"),
        ("jobs.queue", "from service.engine.vgg import VGG", "service.engine.vgg"),
        ("api.auth", "from service.styles.cache import GramCache", "service.styles.cache"),
        ("api.auth", "if 0:\n    from service.engine import vgg as v", "service.engine.vgg"),
        ("styles.presets", "from service.engine import vgg", "service.engine.vgg"),
        ("__main__", "from export.graph import build_model", "export"),
    ],
)
def test_a_wrong_import_would_be_found(module: str, line: str, wrong: str) -> None:
    assert violations(module, imports_of(line, module)) == [wrong]


def loaded_by(code: str) -> set[str]:
    """The top-level packages that a fresh process has loaded after some code."""
    script = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    output = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return {name.split(".")[0] for name in json.loads(output.splitlines()[-1])}


@pytest.mark.slow
def test_the_web_process_loads_neither_torch_nor_onnx(tmp_path: Path) -> None:
    loaded = loaded_by(
        "from pathlib import Path\n"
        "from service.web.app import create_app\n"
        "from service.config import Settings\n"
        f"app = create_app(Settings(data=Path({str(tmp_path)!r}), starters=False))\n"
        "assert app.test_client().get('/openapi.json').status_code == 200"
    )
    assert "flask" in loaded
    assert loaded.isdisjoint(WEB_STAYS_WITHOUT)


@pytest.mark.slow
def test_the_engine_loads_no_http_no_database_and_no_onnx_runtime() -> None:
    loaded = loaded_by("import service.engine.stylize")
    assert "torch" in loaded
    assert loaded.isdisjoint(ENGINE_STAYS_WITHOUT)


@pytest.mark.slow
def test_a_painter_worker_loads_no_torch_and_no_http() -> None:
    loaded = loaded_by("import service.worker.painter_worker")
    assert "onnxruntime" in loaded
    assert loaded.isdisjoint(("torch", "flask", "celery", "requests"))


def test_a_decoder_loads_nothing_that_it_does_not_need() -> None:
    loaded = loaded_by("import service.decoding.fork_server")
    assert "PIL" in loaded
    assert loaded.isdisjoint(DECODER_STAYS_WITHOUT)


@pytest.mark.slow
def test_the_supervisor_loads_no_torch() -> None:
    """`serve` only watches its children; they load what they need."""
    assert loaded_by("import service.commands.serve").isdisjoint(("torch", "onnxruntime", "flask"))
