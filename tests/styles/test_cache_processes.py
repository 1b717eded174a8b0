"""Several processes share the Gram cache through the blobs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from front_door import png
from styles.cached_grams import same
from styles.style_images import style, targets_of

from service.network.model import Model
from service.pictures import images
from service.storage.blobs import Blobs
from service.styles.cache import GramCache
from service.styles.extractor import GramExtractor
from service.styles.grams import StyleGrams
from service.styles.style import Treatment

ROOT = Path(__file__).resolve().parent.parent.parent
FILL = """
import sys
from pathlib import Path
from service.pictures import images
from service.errors import StorageError
from service.network.model import load_model
from service.storage.blobs import Blobs
from service.styles.cache import GramCache
from service.styles.extractor import GramExtractor
from service.decoding.decoded import DecodedFiles
from service.styles.grams import StyleGrams
from service.pictures.images import ImageFile
from service.pictures.style_image import StyleImage
from service.styles.style import Style, Treatment

model_file, picture_file, url = sys.argv[1:]
model = load_model(Path(model_file))
data = Path(picture_file).read_bytes()
extractor, blobs = GramExtractor(model, "cpu", 1), Blobs(url)
print("ready", flush=True)
for line in sys.stdin:
    style = Style.of(StyleImage(ImageFile(data, 80, 60, images.digest(data))))
    targets = StyleGrams(extractor, GramCache(blobs, 0), model.sha256).targets(
        [style], [int(line)], ["relu1_1", "relu3_1"], Treatment(), decoded=DecodedFiles())
    grams = targets.grams[int(line)]
    print(targets.tally.cache, *(float(grams[layer].sum()) for layer in ("relu1_1", "relu3_1")), flush=True)
"""


def line_of(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout is not None
    return worker.stdout.readline()


@pytest.mark.slow
def test_processes_that_fill_the_same_keys_at_once_leave_one_good_blob_each(
    narrow_model: Path, model: Model, extractor: GramExtractor, small_texture: np.ndarray, tmp_path: Path
) -> None:
    picture, url = tmp_path / "style.png", (tmp_path / "blobs").as_uri()
    picture.write_bytes(png(small_texture))
    command = [sys.executable, "-c", FILL, str(narrow_model), str(picture), url]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(2)]
    for worker in workers:
        assert line_of(worker) == "ready\n"
    answers: list[list[str]] = []
    for size in range(32, 72):
        for worker in workers:
            print(size, file=worker.stdin, flush=True)
        answers.append([line_of(worker) for worker in workers])
    for worker in workers:
        worker.communicate()
        assert worker.returncode == 0

    states = [[line.split()[0] for line in pair] for pair in answers]
    assert all("miss" in pair for pair in states)
    assert ["miss", "miss"] in states, "the two never met"
    assert all(pair[0].split()[1:] == pair[1].split()[1:] for pair in answers)
    assert len(list((tmp_path / "blobs").rglob("*.safetensors"))) == len(answers)
    assert len([path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]) == len(answers)
    for size in (32, 50, 71):
        cached = GramCache(Blobs(url), 0)
        found = targets_of(
            StyleGrams(extractor, cached, model.sha256),
            [style(small_texture)],
            size,
            ["relu1_1", "relu3_1"],
            Treatment(),
        )
        assert found.cache == "hit"
        expected = extractor.grams(images.resize_long_edge(small_texture, size), ["relu1_1", "relu3_1"])
        assert same(found.grams, expected)
