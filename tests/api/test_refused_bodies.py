"""What is refused leaves nothing of its body in a web process."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from pydantic import BaseModel, ValidationError, field_validator

from bench.refusals import WebProcess, web_process
from bench.refused_bodies import KINDS
from service.api.http import problems
from service.api.schemas import fields
from service.errors import InvalidInput

MB = 10**6
SIZE = 4 * MB  # of a body
COUNT = 6
MAX_GROWTH = 40 * MB  # one kind that keeps its bodies takes COUNT * SIZE and more
ROOT = Path(__file__).resolve().parent.parent.parent


def send(web: WebProcess, name: str, count: int, size: int) -> None:
    kind = KINDS[name]
    body = kind.body(size)
    for _ in range(count):
        status, answer = web.ask(kind.method, kind.path, body, kind.headers)
        assert status == kind.status, answer
        assert len(answer) < 10_000


@pytest.mark.slow
def test_a_web_process_keeps_nothing_of_refused_bodies() -> None:
    with web_process() as web:
        send(web, "wrong type", 2, SIZE)
        before = web.memory()
        for name, kind in KINDS.items():
            if not kind.settings:
                send(web, name, COUNT, SIZE)
                assert web.memory() < before + MAX_GROWTH, name


def test_not_even_what_a_validator_raises_keeps_its_frames() -> None:
    raised = ValueError("no")

    class Model(BaseModel):
        field: str

        @field_validator("field")
        @classmethod
        def _check(cls, value: str) -> str:
            raise raised

    with pytest.raises(ValidationError) as found:
        Model(field="x")
    assert raised.__traceback__ is not None
    with pytest.raises(InvalidInput, match=r"^field: no$"):
        problems.refuse(found.value)
    assert raised.__traceback__ is None


@pytest.mark.parametrize("module", sorted((ROOT / "service" / "api").glob("*.py")), ids=lambda path: path.stem)
def test_validators_raise_what_pydantic_copies(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: an assertion that fails keeps its frames"
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            assert getattr(node.exc.func, "id", "") not in ("ValueError", "AssertionError"), f"line {node.lineno}"


def test_the_wrapped_lines_of_base64_are_taken(client: FlaskClient) -> None:
    picture = fields.SMALLEST_IMAGE
    lines = "\r\n".join(picture[i : i + 20] for i in range(0, len(picture), 20)) + "\n"
    body = {"content": lines, "styles": [{"image": f"data:image/png;base64,{lines}"}], "size": 32}
    assert client.post("/v1/transfers", json=body).status_code == 202
