"""python -m bench.mutations: read damaged pictures of all formats; only our own errors may come, within the limits.

python -m bench.mutations --files 26000 --seed 0
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from PIL import Image

from bench.decoding import encoded, noisy, wide_profile
from service.decoding import files
from service.errors import Unavailable
from service.pictures.images import UnreadableImage


def main() -> None:
    """Read damaged files, as many as the command line says; the exit status is 1 if any other error came."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=26_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    whole = _whole()
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(partial(_read, whole, args.seed), range(args.files)))
    seconds = [taken for _, taken in outcomes]
    for name, count in Counter(name for name, _ in outcomes).most_common():
        print(f"{count:6d}  {name}")
    print(f"median {1000 * float(np.median(seconds)):.1f} ms, longest {max(seconds):.2f} s")
    raise SystemExit(any(name.startswith("UNEXPECTED") for name, _ in outcomes))


def _whole() -> list[bytes]:
    """Return small files of every format and kind."""
    picture = noisy(160).crop((0, 0, 160, 120))
    rgba = picture.copy()
    rgba.putalpha(Image.linear_gradient("L").resize(picture.size))
    exif = Image.Exif()
    exif[0x112] = 6
    exif[0x10E] = "text"
    grey16 = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    return [
        encoded(picture, "JPEG", icc_profile=wide_profile(), exif=exif),
        encoded(picture, "JPEG", progressive=True),
        encoded(picture.convert("CMYK"), "JPEG"),
        encoded(picture, "PNG", icc_profile=wide_profile(), exif=exif),
        encoded(rgba, "PNG"),
        encoded(grey16, "PNG"),
        encoded(picture.quantize(16), "PNG", transparency=3),
        encoded(picture, "GIF"),
        encoded(picture.quantize(16), "GIF", save_all=True, append_images=[picture.rotate(9).quantize(16)]),
        encoded(picture, "BMP"),
        encoded(picture.quantize(16), "BMP"),
        encoded(picture, "WEBP", exif=exif),
        encoded(rgba, "WEBP", lossless=True),
        encoded(rgba, "WEBP", save_all=True, append_images=[rgba.rotate(9)]),
    ]


def _read(whole: list[bytes], seed: int, number: int) -> tuple[str, float]:
    """Read one damaged file; return the outcome and the seconds."""
    damaged = _damaged(random.Random(f"{seed}-{number}"), whole)  # noqa: S311 - repeatable, not secret
    begun = time.monotonic()
    try:
        files.check_image(damaged)
        outcome = "read"
    except UnreadableImage as error:
        outcome = re.sub(r"\d[\d,]*", "N", str(error).partition(":")[0])
    except Unavailable:
        outcome = "too busy"
    except Exception as error:  # noqa: BLE001 - unexpected errors are what this looks for
        outcome = f"UNEXPECTED {error!r}"
    return outcome, time.monotonic() - begun


def _damaged(rng: random.Random, whole: list[bytes]) -> bytes:
    """Return a file with bytes changed, taken out, repeated or cut off, or with a part of another one."""
    data = bytearray(rng.choice(whole))
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(min(len(data), rng.choice((64, 600, 10**6))))
        length = rng.choice((1, 2, 4, 64, 1000))
        kind = rng.randrange(6)
        if kind <= 2:  # noqa: PLR2004 - half of all
            data[at : at + 1] = bytes([rng.choice((0, 1, 127, 128, 254, 255, rng.randrange(256)))])
        elif kind == 3:  # noqa: PLR2004
            del data[at : at + length]
        elif kind == 4:  # noqa: PLR2004
            data[at:at] = data[at : at + length] * rng.choice((1, 2, 50))
        else:
            other = rng.choice(whole)
            start = rng.randrange(len(other))
            data[at : at + length] = other[start : start + length]
        if len(data) < 2:  # noqa: PLR2004
            break
    return bytes(data if rng.random() < 0.9 else data[: rng.randrange(len(data) + 1)])  # noqa: PLR2004


if __name__ == "__main__":
    main()
