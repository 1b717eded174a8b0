"""Files made to cost a lot are refused by a look at them, or by the limits of the process that reads them."""

from __future__ import annotations

import signal
from typing import Any

import picture_bombs as bombs
import pytest
from picture_files import encoded
from PIL import Image

from service.decoding import files, lanes
from service.decoding.allowance import Allowance, no_tick
from service.decoding.decoders import DECODERS, Files, TooSlow
from service.decoding.messages import Order, Reply
from service.decoding.structure import JPEG_SCANS, JPEG_SEGMENTS, check_structure
from service.decoding.unread import Unread
from service.pictures.images import UnreadableImage

REFUSED = {
    "scans": bombs.many_scans(64, JPEG_SCANS + 1),
    "segments": bombs.many_segments(JPEG_SEGMENTS + 1),
    "run lengths": bombs.run_lengths(8_000_000, 8),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_structure_that_nobody_writes_is_refused_by_a_look(name: str) -> None:
    with pytest.raises(UnreadableImage, match=r"takes too long to decode|with run lengths"):
        check_structure(REFUSED[name])
    with pytest.raises(UnreadableImage, match=r"takes too long to decode|with run lengths"):
        files.check_image(REFUSED[name])


def test_a_structure_just_within_the_bounds_is_read() -> None:
    assert files.check_image(bombs.many_scans(64, JPEG_SCANS)).width == 64
    assert files.check_image(bombs.many_segments(100)).width == 16


def test_scans_are_counted_where_markers_stand_not_where_bytes_look_like_them() -> None:
    plain = encoded(Image.new("RGB", (16, 16)), "JPEG")
    comment = b"\xff\xfe" + (2 + 400).to_bytes(2) + b"\xff\xda" * 200
    check_structure(plain[:2] + comment + plain[2:])


def test_a_file_that_takes_too_much_cpu_time_is_ended_and_known_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bombs.many_scans(3000, JPEG_SCANS)
    with pytest.raises(TooSlow, match="takes too long to decode"):
        lanes.run("check", Unread.of(data), 0.1, Allowance(0.1))
    monkeypatch.setattr(DECODERS, "run", lambda *_: pytest.fail("decoded again"))
    with pytest.raises(TooSlow, match="takes too long to decode"):
        lanes.run("check", Unread.of(data), 0.1, Allowance(0.1))


def test_a_file_that_is_too_slow_for_the_fast_lane_is_read_in_the_slow_one(monkeypatch: pytest.MonkeyPatch) -> None:
    orders: list[Order] = []
    run = DECODERS.run

    def noted(order: Order, *args: Any) -> tuple[Reply, Files]:
        orders.append(order)
        return run(order, *args)

    monkeypatch.setattr(DECODERS, "run", noted)
    monkeypatch.setattr(lanes, "FAST_S", 0.05)
    data, allowance = bombs.many_scans(1300, JPEG_SCANS), Allowance(20.0)
    reply, _ = lanes.run("check", Unread.of(data), 20.0, allowance)
    assert reply.facts == {"width": 1300, "height": 1300}
    assert [(order.cpu_s, order.patient) for order in orders] == [(0.05, False), (20.0, True)]
    assert allowance.spent > reply.cpu_s  # what was in vain counts too, but leaves no less to the pictures after it
    assert allowance.left == pytest.approx(20.0 + 0.05 - allowance.spent)


@pytest.mark.slow
def test_a_file_that_takes_too_much_memory_is_refused() -> None:
    data = bombs.one_colour(4000)
    reply, _ = DECODERS.run(Order("check", 5.0, 20.0, memory=300 * 2**20), data, no_tick)
    assert "memory" in str(reply.problem)
    assert DECODERS.run(Order("check", 5.0, 20.0), data, no_tick)[0].facts == {"width": 4000, "height": 4000}


def test_what_took_too_long_may_be_tried_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = lanes.Slow(2)
    slow.remember("a", 1.0)
    slow.remember("a", 0.5)
    assert slow.longer_than("a") == 1.0
    slow.remember("b", 1.0)
    slow.remember("c", 1.0)
    assert slow.longer_than("a") == 0.0
    monkeypatch.setattr(lanes, "REMEMBERED_S", 0.0)
    assert slow.longer_than("c") == 0.0


def test_an_allowance_is_used_up_by_all_pictures_together() -> None:
    allowance = Allowance(5.0)
    files.check_image(bombs.one_colour(1000), allowance)
    assert 0 < allowance.left < 5.0
    allowance.left = 0.02
    with pytest.raises(TooSlow, match="takes too long"):
        files.check_image(bombs.many_scans(3001, JPEG_SCANS), allowance)
    with pytest.raises(TooSlow, match="the pictures before it"):
        files.check_image(bombs.one_colour(8), allowance)


def test_a_decoder_ended_a_little_early_has_taken_all_of_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.new("RGB", (8, 8)), "PNG")
    early = {"exit_status": -int(signal.SIGPROF), "cpu_s": 0.019}
    monkeypatch.setattr(DECODERS, "_answer", lambda *_: (early, []))
    spent: list[float] = []
    with pytest.raises(TooSlow):
        DECODERS.run(Order("check", 0.02, 1.0), data, no_tick, spent.append)
    assert spent == [0.02]
