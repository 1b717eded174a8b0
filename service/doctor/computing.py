"""Checks of the model, the decoder, the devices, and of one small transfer."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np

from service.config import Settings
from service.decoding import files
from service.doctor.report import FAILURE, OK, WARNING, Finding
from service.machine.devices import GPUS
from service.network.model import load_model
from service.options import TransferOptions
from service.painting.order import Order
from service.painting.stylist import EngineInfo, Stylist
from service.pictures import images
from service.pictures.images import Picture
from service.pictures.style_image import StyleImage
from service.styles.style import Style

CPU_PROVIDER = "CPUExecutionProvider"
SIZE, ITERATIONS = 96, 8  # of the test transfer: long edge in pixels, and optimiser steps
CHANGED = 1.0  # least mean difference between its output and the content image, in grey levels


def check_model(settings: Settings) -> Iterator[Finding]:
    """Check that the model file exists and meets the contract."""
    model = load_model(settings.model)
    yield Finding(OK, "model", f"{settings.model}, SHA-256 {model.sha256}")
    yield Finding(OK, "weights", f"{model.weights}, {model.pooling} pooling, {len(model.parameters())} tensors")


def check_decoding(settings: Settings) -> Iterator[Finding]:
    """Check that a picture is decoded in a separate process."""
    file = images.encode(np.zeros((SIZE, SIZE, 3), np.uint8))
    files.check_image(file)
    begun = time.monotonic()
    files.check_image(file)
    yield Finding(OK, "decoding", f"a picture was read by a process of its own in {_ms(begun)} ms")


def _ms(begun: float) -> int:
    return round(1000 * (time.monotonic() - begun))


def check_engine(settings: Settings) -> Iterator[Finding]:
    """Check which device, provider and precision are really used, and make a transfer with them."""
    begun = time.monotonic()
    stylist = Stylist.from_settings(settings)
    loaded = time.monotonic() - begun
    info = stylist.info
    yield _device(info, settings)
    yield _provider(info)
    yield Finding(OK, "precision", f"{info.precision}: {_why(info, settings)}; style Grams and losses in float32")
    yield from _transfer(stylist, loaded)


def _device(info: EngineInfo, settings: Settings) -> Finding:
    text = f"torch computes on {info.device}, with {settings.cpu_threads} CPU threads"
    if info.device == "cpu" and settings.device == "auto" and GPUS.is_dir():
        return Finding(WARNING, "device", f"{text}, though the driver lists a GPU", "is this torch built for CUDA?")
    return Finding(OK, "device", text)


def _provider(info: EngineInfo) -> Finding:
    text = f"ONNX Runtime got {info.style_provider}"
    if info.device == "cuda" and info.style_provider == CPU_PROVIDER:
        advice = "style Grams come from the CPU, which costs little; does ONNX Runtime find its CUDA libraries?"
        return Finding(WARNING, "provider", text, advice)
    return Finding(OK, "provider", text)


def _why(info: EngineInfo, settings: Settings) -> str:
    if settings.precision != "auto":
        return "NST_PRECISION says so"
    able = "multiplies" if info.precision == "bfloat16" else "doesn't multiply"
    return f"this {'GPU' if info.device == 'cuda' else 'processor'} {able} bfloat16 in hardware"


def _transfer(stylist: Stylist, loaded: float) -> Iterator[Finding]:
    content, style = _ramp(), files.check_image(images.encode(_stripes()))
    options = TransferOptions.of(size=SIZE, iterations=ITERATIONS)
    order = Order(content, [Style.of(StyleImage(style))], options)
    begun = time.monotonic()
    result = stylist.transfer(order, lambda progress: None).result
    took = time.monotonic() - begun
    changed = float(np.abs(result.picture.astype(np.float32) - content).mean())
    text = f"{SIZE} px, {result.iterations} iterations in {took:.2f} s, after {loaded:.2f} s of loading"
    if not all(math.isfinite(loss) for loss in vars(result.losses).values()):
        yield Finding(FAILURE, "transfer", f"{text}: its losses are no numbers", "is the model file whole?")
    elif changed < CHANGED:
        yield Finding(FAILURE, "transfer", f"{text}: the picture is the content image", "are these VGG19's weights?")
    else:
        yield Finding(OK, "transfer", f"{text}; losses {_losses(result.losses)}")


def _losses(losses: object) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in vars(losses).items())


def _ramp() -> Picture:
    """Return a content image: colour gradients and a square."""
    y, x = np.mgrid[0 : SIZE * 3 // 4, 0:SIZE] / SIZE
    picture = np.stack([x, y, 1 - x], axis=-1)
    picture[SIZE // 4 : SIZE // 2, SIZE // 3 : SIZE // 3 * 2] = 0.9
    return np.round(255 * picture).astype(np.uint8)


def _stripes() -> Picture:
    """Return a style image: diagonal stripes."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    wave = (np.sin((x + y) / 3) + 1) / 2
    return np.round(255 * np.stack([wave, wave**2, 0.3 + 0 * wave], axis=-1)).astype(np.uint8)
