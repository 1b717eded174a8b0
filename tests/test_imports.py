"""Who may import whom: the floors of the design, read from the source without importing any of it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ANYTHING = "anything"  # but tests and tools


@dataclass(frozen=True)
class Part:
    """Some modules of service/, the floor they stand on, and what they may import beside the standard library.

    Attributes:
        modules: names; what ends in a dot stands for all that begin with it, unless another part names them.
        parts: other parts that they may use.
        packages: top-level names from outside.
    """

    floor: int
    modules: tuple[str, ...]
    parts: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


BASE_MODULES = (
    "authority", "errors", "config", "images", "colour", "sizes", "memory", "logs", "devices", "digests", "geometry",
    "sheet", "srgb", "cutout", "tracing", "complaints", "headers", "engine.options",
)  # fmt: skip
PARTS = {
    "base": Part(0, BASE_MODULES, packages=("numpy", "PIL", "pythonjsonlogger")),
    "decoding": Part(1, ("decoding.",), ("base",), ("numpy", "PIL")),
    "metrics": Part(1, ("metrics.",), ("base",), ("prometheus_client",)),
    "model": Part(1, ("model",), ("base",), ("numpy", "onnx", "google")),
    "storage": Part(1, ("storage.",), ("base",), ("sqlalchemy", "obstore", "alembic")),
    "engine": Part(2, ("engine.",), ("base", "model"), ("torch", "numpy", "safetensors")),
    "styles": Part(
        3,
        ("styles.",),
        ("base", "decoding", "metrics", "model", "storage", "presets"),
        ("onnx", "onnxruntime", "safetensors", "sqlalchemy", "numpy"),
    ),
    "presets": Part(
        2,
        ("styles.presets", "styles.packs", "styles.starters", "styles.starters.loading"),
        ("base", "decoding", "storage"),
        ("sqlalchemy", "safetensors", "numpy"),
    ),
    "jobs": Part(2, ("jobs.",), ("base", "metrics", "storage"), ("sqlalchemy",)),
    "webhooks": Part(3, ("webhooks.",), ("base", "metrics", "storage", "jobs"), ("standardwebhooks",)),
    "api": Part(
        4,
        ("api.",),
        ("base", "decoding", "metrics", "storage", "presets", "jobs", "webhooks"),
        (
            "flask",
            "flask_cors",
            "flask_openapi3",
            "flask_openapi3_swagger",
            "pydantic",
            "pydantic_core",
            "werkzeug",
            "prometheus_client",
        ),
    ),
    "studio": Part(4, ("studio.",), ("base",), ("flask",)),
    "web": Part(4, ("web.",), ("base",), ("gunicorn",)),
    "transfer": Part(
        4, ("transfer",), ("base", "decoding", "model", "storage", "engine", "styles"), ("torch", "numpy")
    ),
    "sweep": Part(4, ("sweep",), ("base", "storage", "styles", "presets", "jobs"), ("sqlalchemy",)),
    "worker": Part(
        5,
        ("worker", "job_run", "transfer_run", "task_run", "reporting"),
        (
            "base",
            "decoding",
            "metrics",
            "model",
            "storage",
            "engine",
            "styles",
            "presets",
            "jobs",
            "transfer",
            "sweep",
            "webhooks",
        ),
        ("torch", "sqlalchemy"),
    ),
    "broker": Part(6, ("broker.",), ("base", "worker"), ("celery", "billiard")),
    "top": Part(7, ("app", "commands.", "doctor.", "__main__"), (ANYTHING,), (ANYTHING,)),
}
WEB_STAYS_WITHOUT = ("torch", "onnxruntime", "onnx")
DECODER_STAYS_WITHOUT = (*WEB_STAYS_WITHOUT, "sqlalchemy", "obstore", "flask", "pydantic", "requests")
ENGINE_STAYS_WITHOUT = ("flask", "prometheus_client", "werkzeug", "pydantic", "sqlalchemy", "obstore", "onnxruntime")


def module_name(path: Path) -> str:
    """service/engine/vgg.py -> engine.vgg; a package's own file -> engine, service's -> the empty name."""
    parts = path.relative_to(ROOT / "service").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted((ROOT / "service").rglob("*.py"))}


def part_of(module: str) -> str | None:
    """The part that names the module, else the one that names its folder."""
    for name, part in PARTS.items():
        if module in part.modules:
            return name
    return next((name for name, part in PARTS.items() if f"{module}.".startswith(_folders(part))), None)


def _folders(part: Part) -> tuple[str, ...]:
    return tuple(entry for entry in part.modules if entry.endswith("."))


def imports_of(source: str, module: str) -> set[str]:
    """All that a module's source imports, functions and branches included: `service.x.y` or a package's name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports by a relative name"
            assert node.module is not None
            found |= {_imported(node.module, alias.name) for alias in node.names}
    return {name if name.split(".")[0] == "service" else name.split(".")[0] for name in found}


def _imported(module: str, name: str) -> str:
    """`from service import images` imports a module, `from service.images import decode` a name out of one."""
    below = f"{module}.{name}"
    return below if below.removeprefix("service.") in MODULES else module


def violations(module: str, imported: set[str]) -> list[str]:
    """What of its imports a module may not import."""
    name = part_of(module)
    assert name is not None
    part, wrong = PARTS[name], []
    for target in sorted(imported):
        top = target.split(".")[0]
        if top in sys.stdlib_module_names or target == "service":  # service/__init__.py holds the version alone
            continue
        if top != "service":
            allowed = top in part.packages or (ANYTHING in part.packages and top not in ("tests", "export"))
        else:
            used = part_of(target.removeprefix("service."))
            allowed = used == name or used in part.parts or ANYTHING in part.parts
        if not allowed:
            wrong.append(target)
    return wrong


@pytest.mark.parametrize("module", [module for module in MODULES if module])
def test_a_module_imports_only_what_its_floor_may(module: str) -> None:
    imported = imports_of(MODULES[module].read_text(), module)
    assert violations(module, imported) == []


def test_every_module_has_its_place_in_the_table() -> None:
    """A new module or folder must be placed here before anything else."""
    assert [module for module in MODULES if module and part_of(module) is None] == []
    named = {entry.removesuffix(".") for part in PARTS.values() for entry in part.modules}
    assert named <= set(MODULES), "the table names modules that are not there"


def test_packages_themselves_import_nothing() -> None:
    """Whoever imports one module of a package runs the package's own file too."""
    for module, path in MODULES.items():
        if path.name == "__init__.py":
            assert imports_of(path.read_text(), module) == set(), path


def test_the_table_lets_nobody_import_upwards() -> None:
    for part in PARTS.values():
        for used in part.parts:
            assert used == ANYTHING or PARTS[used].floor <= part.floor
    for name, part in PARTS.items():
        for used in part.parts:
            if used != ANYTHING and PARTS[used].floor == part.floor:
                assert name not in PARTS[used].parts, f"{name} and {used} import each other"


def test_only_the_entry_point_imports_by_a_name_made_at_run_time() -> None:
    for module, path in MODULES.items():
        if module not in ("__main__", "doctor.setup"):  # the doctor asks importlib.metadata for versions
            assert "importlib" not in imports_of(path.read_text(), module)
            assert "__import__" not in path.read_text()


@pytest.mark.parametrize(
    ("module", "line", "wrong"),
    [
        ("images", "import torch", "torch"),
        ("images", "from service.storage import blobs", "service.storage.blobs"),
        ("engine.vgg", "from flask import request", "flask"),
        ("engine.vgg", "from service.styles.grams import average", "service.styles.grams"),
        ("engine.options", "from service.engine.vgg import VGG", "service.engine.vgg"),
        ("storage.blobs", "from service import worker", "service.worker"),
        ("jobs.queue", "def f():\n    import service.api.auth", "service.api.auth"),
        ("api.styles", "from service.styles.cache import GramCache", "service.styles.cache"),
        ("api.styles", "if 0:\n    from service.engine import vgg as v", "service.engine.vgg"),
        ("styles.presets", "from service.styles.cache import GramCache", "service.styles.cache"),
        ("worker", "from service.app import create_app", "service.app"),
        ("app", "from export.graph import build_model", "export"),
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


def test_the_web_process_loads_neither_torch_nor_onnx(tmp_path: Path) -> None:
    loaded = loaded_by(
        "from pathlib import Path\n"
        "from service.app import create_app\n"
        "from service.config import Settings\n"
        f"app = create_app(Settings(data=Path({str(tmp_path)!r}), starters=False))\n"
        "assert app.test_client().get('/openapi.json').status_code == 200"
    )
    assert "flask" in loaded
    assert loaded.isdisjoint(WEB_STAYS_WITHOUT)


def test_the_engine_loads_no_http_no_database_and_no_onnx_runtime() -> None:
    loaded = loaded_by("import service.engine.stylize")
    assert "torch" in loaded
    assert loaded.isdisjoint(ENGINE_STAYS_WITHOUT)


def test_a_decoder_loads_nothing_that_it_does_not_need() -> None:
    loaded = loaded_by("import service.decoding.fork_server")
    assert "PIL" in loaded
    assert loaded.isdisjoint(DECODER_STAYS_WITHOUT)


def test_the_supervisor_loads_no_torch() -> None:
    """`serve` only watches its children; they load what they need."""
    assert loaded_by("import service.commands.serve").isdisjoint(("torch", "onnxruntime", "flask"))
