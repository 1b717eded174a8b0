"""What can't be read over the line: one line that names the URL, without its secrets, and no model."""

from collections.abc import Callable

import pytest
from model_file.range_server import of_bytes, serving
from model_file.remote_files import CONTENT

from export import pieces

pytestmark = pytest.mark.usefixtures("impatient")


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
def test_refusals_name_the_url(refused: Callable[..., str], settings: dict[str, object], words: str) -> None:
    with serving(of_bytes(CONTENT, **settings)) as server:
        line = refused(f"{server.url}?token=secret")
    assert words in line
    assert f"export: {server.url}: " in line
    assert "secret" not in line


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 a file of another kind", b"\xff" * 64, (99).to_bytes(8, "little") + b"{]" * 99]
)
def test_other_files(refused: Callable[..., str], content: bytes) -> None:
    with serving(of_bytes(content)) as server:
        assert f"{server.url}: " in refused(server.url)


def test_nobody_listens(refused: Callable[..., str]) -> None:
    with serving(of_bytes(CONTENT)) as server:
        pass
    assert "the connection failed (ConnectionError), 3 times in a row" in refused(server.url)


@pytest.mark.parametrize("headers", [{"ETag": '"one"'}, {"ETag": 'W/"one"'}, {"Last-Modified": "then"}])
def test_a_file_that_changes_while_it_is_read(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 100_000)
    server = of_bytes(CONTENT, headers=headers)

    def read(start: int, end: int) -> bytes:
        if start > 100_000:
            server.headers = dict.fromkeys(headers, '"two"')
        return CONTENT[start:end]

    server.read = read
    with serving(server):
        assert "changed while it was read" in refused(server.url)
