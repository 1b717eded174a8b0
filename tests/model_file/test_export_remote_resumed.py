"""An export over a line that was cut off goes on where it stopped."""

import subprocess
import sys
from pathlib import Path

import pytest
from model_file.range_server import of_bytes, serving
from model_file.remote_files import (
    CONTENT,
    NEEDED,
    convolution_bytes,
    export_local,
    header_bytes,
    model,
    safetensors_file,
)

from export import http_file, pieces
from export.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.usefixtures("impatient")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("headers", "kept"),
    [({"ETag": '"one"'}, True), ({"ETag": 'W/"one"', "Last-Modified": "then"}, True), ({}, False)],
)
def test_a_killed_export_goes_on_where_it_stopped(tmp_path: Path, headers: dict[str, str], kept: bool) -> None:
    content = safetensors_file(divisor=2)  # 20 MB of convolutions
    output, stop = tmp_path / "vgg19.onnx", 10_000_000
    with serving(of_bytes(content, headers=headers, stall_after=stop)) as server:
        command = [sys.executable, "-m", "export", "--weights", server.url, "--output", str(output)]
        with subprocess.Popen(command, cwd=ROOT) as child:
            assert server.stalled.wait(60)
            child.kill()
        assert not output.exists()
        server.stall_after = None
        server.released.set()
        assert main(["--weights", server.url, "--output", str(output)]) == 0

    needed = convolution_bytes(content)
    again = pieces.PIECE_BYTES if kept else stop + http_file._CHUNK_BYTES * 8
    assert needed <= server.sent <= needed + again + 2 * header_bytes(content)
    assert (server.sent > needed + stop) == (not kept)
    unlike = ("nst.source", "nst.weights", "nst.source_sha256")
    assert model(output, unlike) == model(export_local(content, tmp_path), unlike)
    assert not (tmp_path / ".download").exists()


@pytest.mark.slow
def test_a_half_written_piece_and_another_version_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 100_000)
    monkeypatch.setattr(pieces.Pieces, "remove", lambda self: None)
    arguments = ["--output", str(tmp_path / "vgg19.onnx")]
    with serving(of_bytes(CONTENT)) as server:
        assert main(["--weights", server.url, *arguments]) == 0
        first = sorted(tmp_path.glob(".download/*/*/*"))
        first[0].write_bytes(first[0].read_bytes()[:-1])
        server.sent = 0
        assert main(["--weights", server.url, *arguments]) == 0
        assert server.sent == header_bytes(CONTENT) + first[0].stat().st_size
        server.sent, server.headers = 0, {"ETag": '"two"'}
        assert main(["--weights", server.url, *arguments]) == 0
        assert server.sent == NEEDED
    assert len(list(tmp_path.glob(".download/*/*"))) == 1
