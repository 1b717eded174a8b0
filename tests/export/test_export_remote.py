"""--weights https://…: the convolutions over a thin line, from a real server that counts what it sends."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import safetensors.torch
import torch
from range_server import RangeServer, of_bytes, serving
from weight_files import TORCHVISION_NAMES, narrow, state_dict

from export import http_file, pieces
from export.__main__ import main
from export.sources import random_weights, weights_of_package

ROOT = Path(__file__).resolve().parents[2]
CLASSIFIER_FLOATS = 500_000  # 2 MB, of which nothing may be read


def safetensors_file(dtype: torch.dtype = torch.float32, divisor: int = 16) -> bytes:
    convs = narrow() if divisor == 16 else random_weights(divisor, 0).convs
    tensors = {name: tensor.to(dtype) for name, tensor in state_dict(TORCHVISION_NAMES, convs).items()}
    return safetensors.torch.save(tensors | {"classifier.0.weight": torch.rand(CLASSIFIER_FLOATS)})


def convolution_bytes(content: bytes) -> int:
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    places = [entry["data_offsets"] for name, entry in header.items() if name.startswith("features.")]
    return sum(end - start for start, end in places)


def header_bytes(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")


CONTENT = safetensors_file()
NEEDED = convolution_bytes(CONTENT) + header_bytes(CONTENT)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
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


def model(path: Path, without: tuple[str, ...] = ("nst.source",)) -> bytes:
    found = onnx.load(path)
    props = {prop.key: prop.value for prop in found.metadata_props if prop.key not in without}
    del found.metadata_props[:]
    onnx.helper.set_model_props(found, props)
    return found.SerializeToString(deterministic=True)


def metadata(path: Path) -> dict[str, str]:
    return {prop.key: prop.value for prop in onnx.load(path).metadata_props}


def export_local(content: bytes, folder: Path, *arguments: str) -> Path:
    (folder / "local.safetensors").write_bytes(content)
    output = folder / "local.onnx"
    assert main(["--weights", str(folder / "local.safetensors"), "--output", str(output), *arguments]) == 0
    return output


@pytest.mark.parametrize(
    "dtype",
    [torch.float32, *(pytest.param(half, marks=pytest.mark.slow) for half in (torch.float16, torch.bfloat16))],
)
def test_only_the_convolutions_are_read_and_the_model_is_that_of_the_file(tmp_path: Path, dtype: torch.dtype):
    content = safetensors_file(dtype)
    output = tmp_path / "remote" / "vgg19.onnx"
    with serving(of_bytes(content)) as server:
        url = server.url.replace("//", "//someone:secret@") + "?token=secret"
        assert main(["--weights", url, "--output", str(output)]) == 0

    assert server.sent == convolution_bytes(content) + header_bytes(content)
    unlike = ("nst.source", "nst.weights", "nst.source_sha256")
    assert model(output, unlike) == model(export_local(content, tmp_path), unlike)
    assert metadata(output)["nst.source"].startswith(f"{server.url}: ")
    assert 'ETag "one"' in metadata(output)["nst.source_sha256"]
    assert b"secret" not in output.read_bytes()
    assert list(output.parent.iterdir()) == [output]


@pytest.mark.slow
def test_a_digest_is_checked_by_reading_all(tmp_path: Path, refused: Callable[..., str]):
    digest = hashlib.sha256(CONTENT).hexdigest()
    output = tmp_path / "vgg19.onnx"
    with serving(of_bytes(CONTENT)) as server:
        assert main(["--weights", server.url, "--sha256", digest.upper(), "--output", str(output)]) == 0
        assert len(CONTENT) <= server.sent <= len(CONTENT) + header_bytes(CONTENT)
        assert f"the SHA-256 is {digest}, not {'0' * 64}" in refused(server.url, "--sha256", "0" * 64)
    assert model(output) == model(export_local(CONTENT, tmp_path, "--sha256", digest))


@pytest.mark.slow
@pytest.mark.parametrize("header", ["ETag", "X-Linked-ETag"])
def test_a_digest_that_the_server_states_saves_reading_all(tmp_path: Path, refused: Callable[..., str], header: str):
    digest = hashlib.sha256(CONTENT).hexdigest()
    output = tmp_path / "vgg19.onnx"
    hub = of_bytes(b"", headers={header: f'"{digest}"'})
    with serving(of_bytes(CONTENT, headers={"ETag": f'"{digest}"'})) as server, serving(hub):
        hub.redirect_to = server.url
        assert main(["--weights", hub.url, "--sha256", digest, "--output", str(output)]) == 0
        assert server.sent == NEEDED
        assert f"the server states the SHA-256 {digest}" in refused(hub.url, "--sha256", "0" * 64)
    assert metadata(output)["nst.source_sha256"].startswith(f"{digest} (stated by the server; ")
    assert metadata(output)["nst.weights"] == f"torchvision-vgg19-{digest[:8]}"


def test_a_local_file_of_another_digest(tmp_path: Path, refused: Callable[..., str]):
    (tmp_path / "a.safetensors").write_bytes(CONTENT)
    assert "a.safetensors: the SHA-256 is" in refused(str(tmp_path / "a.safetensors"), "--sha256", "0" * 64)
    assert "64 hexadecimal digits" in refused(str(tmp_path / "a.safetensors"), "--sha256", "0")
    assert "--sha256 goes with" in refused("random", "--sha256", "0" * 64)


@pytest.mark.slow
def test_credentials_stay_with_their_host(tmp_path: Path):
    hub = of_bytes(b"")
    with serving(of_bytes(CONTENT)) as server, serving(hub):
        hub.redirect_to = server.url.replace("127.0.0.1", "localhost")
        url = hub.url.replace("//", "//someone:secret@")
        assert main(["--weights", url, "--output", str(tmp_path / "vgg19.onnx")]) == 0
    assert all("Authorization" in request for request in hub.requests)
    assert server.requests
    assert all("Range" in request and "Authorization" not in request for request in server.requests)


@pytest.mark.slow
def test_what_breaks_off_goes_on_from_there(tmp_path: Path):
    answers = [(503, {"Retry-After": "0"}), (429, {})]
    with serving(of_bytes(CONTENT, answers=answers, cut_after=[3, 100_000, 170_000])) as server:
        assert main(["--weights", server.url, "--output", str(tmp_path / "vgg19.onnx")]) == 0
        assert not server.cut_after
        assert NEEDED <= server.sent < NEEDED + 4 * http_file._CHUNK_BYTES


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"answers": [(404, {})]}, "HTTP status 404"),
        ({"answers": [(403, {})]}, "HTTP status 403"),
        ({"answers": [(503, {})] * 9}, "HTTP status 503, 3 times in a row"),
        ({"answers": [(429, {"Retry-After": "3600"})]}, "asks to wait for 3600 s"),
        ({"ranges": False}, "sends no ranges"),
        ({"content_range": "bytes 1-8/5000"}, "'bytes 1-8/5000'"),
        ({"content_range": "bytes */5000"}, "were asked for"),
        ({"cut_after": [0] * 9}, "3 times in a row"),
    ],
)
def test_refusals_name_the_url(refused: Callable[..., str], settings: dict[str, object], words: str):
    with serving(of_bytes(CONTENT, **settings)) as server:
        line = refused(f"{server.url}?token=secret")
    assert words in line
    assert f"export: {server.url}: " in line
    assert "secret" not in line


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 a file of another kind", b"\xff" * 64, (99).to_bytes(8, "little") + b"{]" * 99]
)
def test_other_files(refused: Callable[..., str], content: bytes):
    with serving(of_bytes(content)) as server:
        assert f"{server.url}: " in refused(server.url)


def test_nobody_listens(refused: Callable[..., str]):
    with serving(of_bytes(CONTENT)) as server:
        pass
    assert "the connection failed (ConnectionError), 3 times in a row" in refused(server.url)


@pytest.mark.parametrize("headers", [{"ETag": '"one"'}, {"ETag": 'W/"one"'}, {"Last-Modified": "then"}])
def test_a_file_that_changes_while_it_is_read(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
):
    monkeypatch.setattr(pieces, "PIECE_BYTES", 100_000)
    server = of_bytes(CONTENT, headers=headers)

    def read(start: int, end: int) -> bytes:
        if start > 100_000:
            server.headers = dict.fromkeys(headers, '"two"')
        return CONTENT[start:end]

    server.read = read
    with serving(server):
        assert "changed while it was read" in refused(server.url)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("headers", "kept"),
    [({"ETag": '"one"'}, True), ({"ETag": 'W/"one"', "Last-Modified": "then"}, True), ({}, False)],
)
def test_a_killed_export_goes_on_where_it_stopped(tmp_path: Path, headers: dict[str, str], kept: bool):
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
def test_a_half_written_piece_and_another_version_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
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


@pytest.mark.slow
def test_the_real_size_with_a_classifier_of_half_a_gigabyte(tmp_path: Path):
    """The classifier is zeros that the server would make up on the fly."""
    tensors = state_dict(TORCHVISION_NAMES, weights_of_package().convs)
    small = safetensors.torch.save({k: v for k, v in tensors.items() if k.startswith("features.")})
    header = json.loads(small[8 : header_bytes(small)])
    data = small[header_bytes(small) :]
    classifier = 494_000_000
    place = [len(data), len(data) + classifier]
    header["classifier.0.weight"] = {"dtype": "F32", "shape": [classifier // 4], "data_offsets": place}
    text = json.dumps(header).encode()
    start = len(text).to_bytes(8, "little") + text + data

    def read(first: int, end: int) -> bytes:
        return start[first:end].ljust(end - first, b"\0")

    output = tmp_path / "vgg19.onnx"
    with serving(RangeServer(read, len(start) + classifier)) as server:
        assert main(["--weights", server.url, "--output", str(output)]) == 0
    assert server.sent == len(start)
    assert 80_000_000 < server.sent < 80_200_000
    unlike = ("nst.source", "nst.weights", "nst.source_sha256")
    assert model(output, unlike) == model(export_local(small, tmp_path), unlike)
