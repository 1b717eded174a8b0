"""An export that fails, and short waits between its tries."""

from collections.abc import Callable
from pathlib import Path

import pytest

from export import http_file
from export.__main__ import main


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_file, "_WAITS_S", (0.01, 0.01))


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(url: str, *arguments: str) -> str:
        output = tmp_path / "models" / "vgg19.onnx"
        assert main(["--weights", url, "--output", str(output), *arguments]) == 2
        assert not output.exists()
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    return run
