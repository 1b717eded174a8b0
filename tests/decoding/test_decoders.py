"""Decoders are processes of their own: they give the same pixels, and their end is not the service's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import numpy as np
import picture_bombs as bombs
import picture_files
import pytest
from front_door import ROOT, eventually
from picture_files import encoded
from PIL import Image

from service.decoding import decoders, files, lane, lanes, reading
from service.decoding.allowance import Allowance, no_tick
from service.decoding.decoders import DECODERS, TooSlow
from service.decoding.formats import head_of
from service.decoding.lane import Lane, Rank
from service.decoding.messages import Order
from service.decoding.unread import Unread
from service.errors import Unavailable
from service.pictures.formats import READABLE
from service.pictures.images import UnreadableImage


def of_server(pattern: str = "fork_server", parent: int | None = None) -> list[int]:
    """Processes below this one, or below `parent`, whose command line holds the pattern."""
    found, wanted = [], {parent or os.getpid()}
    for folder in sorted((f for f in Path("/proc").iterdir() if f.name.isdigit()), key=lambda f: int(f.name)):
        try:
            ppid = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            line = (folder / "cmdline").read_bytes().decode()
        except OSError:
            continue
        if ppid in wanted and pattern in line:
            found.append(int(folder.name))
            wanted.add(int(folder.name))
    return found


@pytest.fixture
def server() -> int:
    """The fork server of this process, ready."""
    files.check_image(encoded(np.zeros((9, 9, 3), np.uint8), "PNG"))
    eventually(lambda: len(of_server()) == 1, 60, "decoders still run")
    return of_server()[0]


@pytest.mark.parametrize("format", READABLE)
@pytest.mark.parametrize("shape", [(9, 1000), (1000, 9), (64, 48)])
def test_the_head_of_a_file_says_its_format_and_pixels(format: str, shape: tuple[int, int]) -> None:
    head = head_of(encoded(np.zeros((*shape, 3), np.uint8), format))
    assert head.format == format
    assert head.pixels is not None
    least = shape[0] * shape[1]
    assert head.pixels == least or (format == "HEIC" and head.pixels > least)  # which has a margin


def test_the_head_of_what_is_no_picture_says_nothing() -> None:
    for data in (
        b"",
        b"x",
        b"\xff\xd8\xff",
        b"\xff\xd8" + b"\xff\xe1\0\2" * 100_000,
        b"RIFF",
        b"BM",
        b"\x89PNG\r\n\x1a\n",
    ):
        assert head_of(data).pixels is None


@pytest.mark.slow
def test_a_decoder_whose_result_is_still_wanted_outlives_the_end_of_others(server: int) -> None:
    """Ends, orders and hang-ups may reach the fork server all at once."""
    small, slow = encoded(np.zeros((9, 9, 3), np.uint8), "PNG"), bombs.many_scans(900, 100)
    os.kill(server, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(8) as pool:
            gone = [pool.submit(given_up, small) for _ in range(4)]
            wanted = [pool.submit(DECODERS.run, Order("check", 20.0, 60.0), slow, no_tick) for _ in range(4)]
            assert all(answer.result() for answer in gone)
            os.kill(server, signal.SIGCONT)
            assert [answer.result()[0].facts["width"] for answer in wanted] == [900] * 4
    finally:
        os.kill(server, signal.SIGCONT)


def given_up(data: bytes) -> bool:
    """Return whether an order was given up by whoever gave it."""

    def tick() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        DECODERS.run(Order("check", 20.0, 60.0), data, tick)
    return True


@pytest.mark.parametrize("format", READABLE)
def test_a_decoder_gives_what_decoding_here_would(photo: np.ndarray, format: str) -> None:
    photo = photo[:96, :64]
    data = encoded(photo, format)
    assert np.array_equal(files.decode(data), reading.decode(data))
    assert files.decode_mask(data) == pytest.approx(reading.decode_mask(data) / 255)
    assert files.lightest(data) == pytest.approx(reading.decode_mask(data).max() / 255)
    assert files.thumbnail(data) == reading.thumbnail(data)
    assert files.transcode(Unread.of(data), "webp", 80) == reading.transcode(data, "webp", 80)
    checked = files.check_image(data)
    assert (checked.width, checked.height) == (photo.shape[1], photo.shape[0])


def test_transparency_comes_apart(photo: np.ndarray) -> None:
    image = Image.fromarray(photo)
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    data = encoded(image, "PNG")
    cutout, expected = files.decode_cutout(data), reading.decode_cutout(data)
    assert np.array_equal(cutout.colours, expected.colours)
    assert cutout.alpha is not None
    assert expected.alpha is not None
    assert np.array_equal(cutout.alpha, expected.alpha)
    assert files.decode_cutout(encoded(photo, "PNG")).alpha is None


def test_what_is_wrong_with_a_file_is_said() -> None:
    with pytest.raises(UnreadableImage, match="not an image that can be read"):
        files.check_image(b"Dear Sir or Madam")
    with pytest.raises(UnreadableImage, match="20000 x 20000 pixels are too many"):
        files.check_image(picture_files.png_claiming(20000, 20000))


def test_a_fork_server_that_was_killed_is_replaced(server: int) -> None:
    os.kill(server, signal.SIGKILL)
    assert files.check_image(encoded(np.zeros((9, 9, 3), np.uint8), "PNG")).width == 9
    assert server not in of_server()


def test_a_decoder_that_crashes_is_one_broken_file(server: int) -> None:
    data = bombs.many_scans(3002, 100)
    failures, spent = list[BaseException](), list[float]()

    def check() -> None:
        with pytest.raises(UnreadableImage) as raised:
            DECODERS.run(Order("check", 20.0, 20.0), data, no_tick, spent.append)
        failures.append(raised.value)

    thread = threading.Thread(target=check)
    thread.start()
    eventually(lambda: len(of_server()) == 2, 60, "no decoder")
    os.kill(of_server()[1], signal.SIGSEGV)
    thread.join()
    assert "what reads it fails" in str(failures[0])
    assert len(spent) == 1 and spent[0] > 0
    assert of_server()[0] == server


def test_a_decoder_ends_when_nobody_wants_its_result(server: int) -> None:
    ticks, spent = list[int](), list[float]()

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        DECODERS.run(Order("check", 60.0, 60.0), bombs.many_scans(3003, 100), tick, spent.append)
    assert len(spent) == 1 and spent[0] > 0
    eventually(lambda: of_server() == [server], 60, "the decoder goes on")


def test_a_decoder_that_gets_no_cpu_ends_on_the_clock(server: int) -> None:
    with pytest.raises(Unavailable, match="too busy"):
        DECODERS.run(Order("check", 60.0, 0.05), bombs.many_scans(3004, 100), no_tick)


def test_a_decoder_that_the_kernel_kills_for_memory_is_not_the_files_fault(server: int) -> None:
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(DECODERS.run, Order("check", 20.0, 20.0), bombs.many_scans(3006, 100), no_tick)
        eventually(lambda: len(of_server()) == 2, 60, "no decoder")
        os.kill(of_server()[1], signal.SIGKILL)
        with pytest.raises(Unavailable, match="short of memory"):
            answer.result()


def test_limits_grow_with_the_time_that_a_request_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def run(task: str, file: Unread, seconds: float, allowance: Allowance) -> NoReturn:
        asked.append(seconds)
        raise ZeroDivisionError

    monkeypatch.setattr(lanes, "run", run)
    for decode_s in (30.0, 60.0):
        files.start(decode_s)
        with pytest.raises(ZeroDivisionError):
            files.check_image(encoded(np.zeros((9, 9, 3), np.uint8), "PNG"))
    files.start()
    assert asked[1] == 2 * asked[0]


def test_decoders_know_no_settings_and_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_API_KEYS", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    DECODERS.close()
    files.check_image(encoded(np.zeros((9, 9, 3), np.uint8), "PNG"))
    assert b"secret" not in Path(f"/proc/{of_server()[0]}/environ").read_bytes()


@pytest.mark.slow
def test_the_fork_server_ends_with_a_service_that_is_killed() -> None:
    script = "from service.decoding import files\nfiles.start()\nprint('on', flush=True)\nimport time\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (server,) = of_server(parent=process.pid)
        process.kill()
    eventually(lambda: not Path(f"/proc/{server}").exists(), 60, "the fork server goes on")


def test_what_takes_long_waits_apart_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Lane(1, waiting=1)
    monkeypatch.setattr(lanes, "_slow", held)
    monkeypatch.setattr(lane, "WAIT_S", 0.1)
    with held.place(Rank(), no_tick):
        with pytest.raises(Unavailable, match="too many pictures"):
            files.check_image(picture_files.png_claiming(7000, 7000))
        assert files.check_image(encoded(np.zeros((9, 9, 3), np.uint8), "PNG")).width == 9
    with pytest.raises(UnreadableImage, match="broken image"):
        files.check_image(picture_files.png_claiming(7000, 7000))


def test_whoever_has_had_the_least_is_next_and_of_equals_whoever_wants_least() -> None:
    held, order = Lane(1), []
    ranks = {"greedy": Rank(5.0, 1), "large": Rank(0.0, 900), "small": Rank(0.0, 9), "again": Rank(0.1, 9)}

    def hold(name: str) -> None:
        with held.place(ranks[name], no_tick):
            order.append(name)

    with ThreadPoolExecutor(4) as pool:
        with held.place(Rank(), no_tick):
            waiting = [pool.submit(hold, name) for name in ranks]
            eventually(lambda: len(held._waiting) == 4, 60, "not all wait")
        for answer in waiting:
            answer.result()
    assert order == ["small", "large", "again", "greedy"]


def test_where_too_many_wait_the_last_in_turn_goes() -> None:
    held = Lane(1, waiting=1)
    with ThreadPoolExecutor(1) as pool, held.place(Rank(), no_tick):
        greedy = pool.submit(lambda: held.place(Rank(5.0), no_tick).__enter__())
        eventually(lambda: len(held._waiting) == 1, 60, "nobody waits")

        def still_there() -> None:
            raise InterruptedError

        with pytest.raises(InterruptedError), held.place(Rank(), still_there):
            pass
        with pytest.raises(Unavailable, match="too many pictures"):
            greedy.result()


def test_a_fork_server_that_hangs_is_replaced(server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders, "PATIENCE_S", 0.1)
    os.kill(server, signal.SIGSTOP)
    with pytest.raises(Unavailable, match="too busy"):
        DECODERS.run(Order("check", 5.0, 0.1), encoded(np.zeros((9, 9, 3), np.uint8), "PNG"), no_tick)
    assert files.check_image(encoded(np.zeros((9, 9, 3), np.uint8), "PNG")).width == 9
    assert server not in of_server()


def test_too_slow_is_an_unreadable_image() -> None:
    assert issubclass(TooSlow, UnreadableImage)
