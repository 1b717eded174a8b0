"""python -m bench.decoding: the cost of reading honest and hostile pictures, and the delay of other requests.

Three tables: the CPU seconds of honest files of 64 megapixels, from which the limits in service/decoding/formats.py
come; a photo of 12 megapixels read by a decoder and in this process; a web server under attack: how long /livez and
an honest POST take meanwhile, and what the web processes weigh afterwards.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import picture_bombs as bombs
import requests
from heic_tiles import tiled
from PIL import Image, ImageCms

from scripts.ports import free_port
from service.decoding import files, reading
from service.pictures.formats import HAS_HEIC
from service.pictures.images import UnreadableImage

ROOT = Path(__file__).resolve().parent.parent
SIDE = 8000
TILE = 500  # pixels along each side of a HEIC's; phones write 512
MIB = 2**20


def main() -> None:
    """Print the tables that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("honest", "photo", "attack"))
    parser.add_argument("--seconds", type=float, default=30, help="of attack")
    args = parser.parse_args()
    if args.only in (None, "honest"):
        honest()
    if args.only in (None, "photo"):
        photo()
    if args.only in (None, "attack"):
        attack(args.seconds)


# Honest files


def honest() -> None:
    """Print the CPU seconds of the largest honest files, checked and brought to sRGB."""
    print("64 megapixels                     MB  check, CPU s  whole, CPU s")
    for name, data in _large():
        print(f"{name:28s} {len(data) / 1e6:7.1f}", end=" ")
        try:
            checked, whole = (_cpu(partial(task, data)) for task in (reading.upright_size, reading.decode_cutout))
        except UnreadableImage as error:
            print(error, flush=True)
        else:
            print(f"{checked:13.2f} {whole:13.2f}", flush=True)


def _large() -> Iterator[tuple[str, bytes]]:
    picture = noisy(SIDE)
    rgba = picture.copy()
    rgba.putalpha(Image.linear_gradient("L").resize(picture.size))
    profile = wide_profile()
    exif = Image.Exif()
    exif[0x112] = 6
    yield "JPEG", encoded(picture, "JPEG", quality=95, subsampling=0, icc_profile=profile, exif=exif)
    yield "JPEG, progressive", encoded(picture, "JPEG", quality=95, subsampling=0, progressive=True)
    yield "PNG, RGB", encoded(picture, "PNG", compress_level=1, icc_profile=profile)
    yield "PNG, RGBA", encoded(rgba, "PNG", compress_level=1, icc_profile=profile)
    yield "GIF", encoded(picture.quantize(256, method=Image.Quantize.FASTOCTREE), "GIF")
    yield "BMP", encoded(picture, "BMP")
    yield "WebP, lossless", encoded(picture, "WEBP", lossless=True, quality=0, method=0)
    yield "WebP, lossless with alpha", encoded(rgba, "WEBP", lossless=True, quality=0, method=0)
    yield "TIFF, LZW", encoded(rgba, "TIFF", compression="tiff_lzw", icc_profile=profile)
    yield "TIFF, deflate", encoded(picture, "TIFF", compression="tiff_adobe_deflate")
    yield "AVIF", encoded(picture, "AVIF", quality=90, speed=10, subsampling="4:4:4")
    yield "AVIF with alpha", encoded(rgba, "AVIF", quality=90, speed=10)
    if HAS_HEIC:
        yield "HEIC", encoded(picture, "HEIF", quality=60, enc_params={"preset": "ultrafast"})
        tile = encoded(noisy(TILE), "HEIF", quality=90)
        yield f"HEIC, {(SIDE // TILE) ** 2} tiles, all alike", tiled(tile, TILE, SIDE // TILE, SIDE // TILE)


def noisy(side: int) -> Image.Image:
    """Return a picture with smooth places, edges and grain."""
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (side // 40, side // 40, 3), np.uint8))
    smooth = np.asarray(small.resize((side, side), Image.Resampling.BICUBIC)).astype(np.int16)
    return Image.fromarray(np.clip(smooth + rng.integers(-4, 5, smooth.shape, np.int16), 0, 255).astype(np.uint8))


def wide_profile() -> bytes:
    """Return a profile that isn't known as sRGB, so that it is applied."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes(12)
    return bytes(profile)


def encoded(image: Image.Image, format: str, **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **settings)
    return buffer.getvalue()


def _cpu(call: Callable[[], object]) -> float:
    begun = time.process_time()
    call()
    return time.process_time() - begun


# A photo


def photo() -> None:
    """Print the milliseconds of a photo of 12 megapixels, read by a decoder and in this process; medians of 15."""
    data = encoded(noisy(4000).crop((0, 0, 4000, 3000)), "JPEG", quality=90)
    pairs = {
        "checked": (lambda: files.check_image(data), lambda: reading.upright_size(data)),
        "as pixels": (lambda: files.decode(data), lambda: reading.decode(data)),
    }
    print("\na JPEG of 12 megapixels  decoder, ms  in process, ms  dearer by, ms")
    for name, calls in pairs.items():
        there, here = (_median_ms(call) for call in calls)
        print(f"{name:24s} {there:11.1f} {here:15.1f} {there - here:14.1f}", flush=True)


def _median_ms(call: Callable[[], object]) -> float:
    times = []
    for _ in range(16):
        begun = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times[1:])


# An attack


def attack(seconds: float) -> None:
    """Print the times of two honest clients beside eight clients that send only costly files."""
    with _web_server() as (url, processes):
        before = [_rss(process) for process in processes()]
        stop = threading.Event()
        codes: dict[int, int] = {}
        livez: list[float] = []
        posts: list[float] = []
        bodies = [_body(data) for data in _bombs()]
        attackers = [threading.Thread(target=_send, args=(url, bodies, k, stop, codes)) for k in range(8)]
        small = _body(encoded(noisy(640), "JPEG", quality=90))
        honest = threading.Thread(target=_time, args=(lambda: _post(url, small), posts, stop, 0.2))
        probe = threading.Thread(
            target=_time, args=(lambda: requests.get(f"{url}/livez", timeout=30), livez, stop, 0.02)
        )
        for thread in (*attackers, honest, probe):
            thread.start()
        time.sleep(seconds)
        stop.set()
        for thread in (*attackers, honest, probe):
            thread.join()
        weights = [_rss(process) for process in processes()]
    print(f"\n{seconds:g} s of attack: answers by status {dict(sorted(codes.items()))}")
    for name, times in (("/livez", livez), ("an honest POST", posts)):
        p50, p99 = np.percentile(times, (50, 99))
        print(
            f"{name:16s} {len(times):5d} answered, median {p50:.0f} ms, p99 {p99:.0f} ms, longest {max(times):.0f} ms"
        )
    print(f"web processes: {before} MiB before, {weights} MiB after")


def _bombs() -> list[bytes]:
    flat = bombs.one_colour(SIDE)
    noise = np.random.default_rng(1).integers(0, 256, (3600, 3600, 3), np.uint8)
    return [
        bombs.many_scans(SIDE, 90), bombs.many_scans(SIDE, 500), bombs.many_scans(4000, 99),
        bombs.many_segments(300_000), bombs.run_lengths(8_000_000, 8), flat, b"RIFF" + bytes(20 * MIB),
        os.urandom(45 * MIB), encoded(Image.fromarray(noise), "PNG", compress_level=0),
    ]  # fmt: skip


def _body(data: bytes) -> bytes:
    picture = base64.b64encode(data).decode()
    return json.dumps({"content": picture, "styles": [{"preset": "nowhere"}], "size": 64}).encode()


def _post(url: str, body: bytes) -> requests.Response:
    return requests.post(f"{url}/v1/transfers", body, headers={"Content-Type": "application/json"}, timeout=120)


def _send(url: str, bodies: list[bytes], k: int, stop: threading.Event, codes: dict[int, int]) -> None:
    while not stop.is_set():
        k += 1
        status = _post(url, bodies[k % len(bodies)]).status_code
        codes[status] = codes.get(status, 0) + 1


def _time(call: Callable[[], object], times: list[float], stop: threading.Event, pause: float) -> None:
    while not stop.wait(pause):
        begun = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - begun))


@contextmanager
def _web_server() -> Iterator[tuple[str, Callable[[], list[int]]]]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"NST_PORT": str(port), "NST_DATA": folder, "NST_STARTERS": "off", "NST_LOG": "json"}
        with (Path(folder) / "log").open("wb") as log:
            command = [sys.executable, "-m", "service", "web"]
            process = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=log, stderr=log)
        url = f"http://127.0.0.1:{port}"
        try:
            while not _answers(url):
                time.sleep(0.2)
            yield url, lambda: _children(process.pid)
        finally:
            process.terminate()
            process.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/livez", timeout=5).ok
    except requests.RequestException:
        return False


def _children(process: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _rss(process: int) -> int:
    """Return a process' resident memory in MiB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // MIB


if __name__ == "__main__":
    main()
