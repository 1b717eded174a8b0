"""--weights https://…: the convolutions over a thin line, from a real server that counts what it sends."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from model_file.range_server import RangeServer, of_bytes, serving
from model_file.remote_files import (
    CONTENT,
    NEEDED,
    convolution_bytes,
    export_local,
    header_bytes,
    metadata,
    model,
    safetensors_file,
)
from model_file.weight_files import TORCHVISION_NAMES, state_dict

from export import http_file
from export.__main__ import main
from export.sources import weights_of_package

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.mark.parametrize(
    "dtype",
    [torch.float32, *(pytest.param(half, marks=pytest.mark.slow) for half in (torch.float16, torch.bfloat16))],
)
def test_only_the_convolutions_are_read_and_the_model_is_that_of_the_file(tmp_path: Path, dtype: torch.dtype) -> None:
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
def test_a_digest_is_checked_by_reading_all(tmp_path: Path, refused: Callable[..., str]) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    output = tmp_path / "vgg19.onnx"
    with serving(of_bytes(CONTENT)) as server:
        assert main(["--weights", server.url, "--sha256", digest.upper(), "--output", str(output)]) == 0
        assert len(CONTENT) <= server.sent <= len(CONTENT) + header_bytes(CONTENT)
        assert f"the SHA-256 is {digest}, not {'0' * 64}" in refused(server.url, "--sha256", "0" * 64)
    assert model(output) == model(export_local(CONTENT, tmp_path, "--sha256", digest))


@pytest.mark.slow
@pytest.mark.parametrize("header", ["ETag", "X-Linked-ETag"])
def test_a_digest_that_the_server_states_saves_reading_all(
    tmp_path: Path, refused: Callable[..., str], header: str
) -> None:
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


def test_a_local_file_of_another_digest(tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "a.safetensors").write_bytes(CONTENT)
    assert "a.safetensors: the SHA-256 is" in refused(str(tmp_path / "a.safetensors"), "--sha256", "0" * 64)
    assert "64 hexadecimal digits" in refused(str(tmp_path / "a.safetensors"), "--sha256", "0")
    assert "--sha256 goes with" in refused("random", "--sha256", "0" * 64)


@pytest.mark.slow
def test_credentials_stay_with_their_host(tmp_path: Path) -> None:
    hub = of_bytes(b"")
    with serving(of_bytes(CONTENT)) as server, serving(hub):
        hub.redirect_to = server.url.replace("127.0.0.1", "localhost")
        url = hub.url.replace("//", "//someone:secret@")
        assert main(["--weights", url, "--output", str(tmp_path / "vgg19.onnx")]) == 0
    assert all("Authorization" in request for request in hub.requests)
    assert server.requests
    assert all("Range" in request and "Authorization" not in request for request in server.requests)


@pytest.mark.slow
def test_what_breaks_off_goes_on_from_there(tmp_path: Path) -> None:
    answers = [(503, {"Retry-After": "0"}), (429, {})]
    with serving(of_bytes(CONTENT, answers=answers, cut_after=[3, 100_000, 170_000])) as server:
        assert main(["--weights", server.url, "--output", str(tmp_path / "vgg19.onnx")]) == 0
        assert not server.cut_after
        assert NEEDED <= server.sent < NEEDED + 4 * http_file._CHUNK_BYTES


@pytest.mark.slow
def test_the_real_size_with_a_classifier_of_half_a_gigabyte(tmp_path: Path) -> None:
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
