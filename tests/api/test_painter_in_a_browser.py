"""A painter's ONNX file in a browser: ONNX Runtime's WebAssembly in chromium paints what it paints in Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from api.test_packs_api import put_pack
from api.test_painter_packs import carrying, plain, weights
from front_door import ROOT, RunningService
from playwright.sync_api import Browser, Route
from skimage import data

pytestmark = pytest.mark.slow
__all__ = ["carrying", "plain", "weights"]  # fixtures of this test

RUNTIME = ROOT / ".onnxruntime-web"
TYPES = {".html": "text/html", ".mjs": "text/javascript", ".wasm": "application/wasm"}
HEIGHT, WIDTH = 75, 100  # pixels; neither is a multiple of the painter's 8

PAINT = """
async ([model, values, height, width]) => {
  const ort = await import("/runtime/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = "/runtime/";
  const file = await (await fetch(model)).arrayBuffer();
  const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
  const photograph = new ort.Tensor("float32", Float32Array.from(values), [1, 3, height, width]);
  const { painting } = await session.run({ photograph });
  return { dims: painting.dims, values: Array.from(painting.data) };
}
"""


@pytest.fixture
def runtime() -> Path:
    """The folder of ONNX Runtime for browsers."""
    folders = sorted(RUNTIME.glob("*/ort.wasm.min.mjs"))
    if not folders:
        pytest.skip("onnxruntime-web isn't installed: scripts/servers.sh, which needs npm")
    return folders[-1].parent


def test_a_painter_s_file_paints_the_same_in_a_browser(
    service: RunningService, carrying: bytes, browser: Browser, runtime: Path
) -> None:
    assert put_pack(service, "in-a-browser", carrying).status_code == 201
    model = "/v1/styles/in-a-browser/painter/model"
    photograph = data.coffee()[: HEIGHT * 4 : 4, : WIDTH * 4 : 4]  # type: ignore[no-untyped-call]
    planes = np.ascontiguousarray(photograph.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
    session = onnxruntime.InferenceSession(service.get(model).content, providers=["CPUExecutionProvider"])
    (wanted,) = session.run(["painting"], {"photograph": planes})

    def serve(route: Route) -> None:
        """Serve a page and the runtime beside the API, as if a site had both."""
        name = route.request.url.rpartition("/")[2]
        body = (runtime / name).read_bytes() if name.startswith("ort") else b"<!doctype html>"
        route.fulfill(body=body, content_type=TYPES[Path(name).suffix])

    with browser.new_page() as page:
        page.route(f"{service.url}/runtime/**", serve)
        page.goto(f"{service.url}/runtime/page.html")
        found = page.evaluate(PAINT, [model, planes.ravel().tolist(), HEIGHT, WIDTH])
    painting = np.array(found["values"], np.float32).reshape(found["dims"])
    assert painting.shape == wanted.shape == (1, 3, HEIGHT, WIDTH)
    assert wanted.std() > 0.02
    assert np.abs(painting - wanted).max() <= 1 / 255
