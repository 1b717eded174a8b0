"""python -m bench.fuzz.pictures: read damaged pictures of every format; nothing but pictures and refusals may come.

Each file is read in a process of its own under the decoder's limits, as in the service, and its seconds and peak of
memory are measured there. A finding is a process that ends in another way, a process above its bounds, or a file that
the check lets through and a later step refuses. The status is 1 if there is one.

python -m bench.fuzz.pictures --files 3000 --seed 0
python -m bench.fuzz.pictures --minutes 10 --seed 7
python -m bench.fuzz.pictures --only 1234 --seed 7 --keep FOLDER    # the file 1234 of that run, kept there
"""

from __future__ import annotations

import argparse
import gc
import itertools
import multiprocessing
import os
import random
import re
import secrets
import socket
import sys
import time
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from picture_mutations import mutated
from picture_originals import originals
from PIL import Image

from service.decoding import fork_server, messages
from service.decoding.decoders import TIME_IS_UP
from service.decoding.files import WHOLE
from service.decoding.formats import head_of
from service.decoding.lanes import WALL, WALL_S
from service.decoding.messages import Order, Reply
from service.machine.memory import MIB
from service.pictures.sizes import MAX_PIXELS

LATER: dict[str, dict[str, object]] = {
    "cutout": {},
    "levels": {},
    "lightest": {},
    "thumbnail": {},
    "transcode": {"format": "png", "quality": 80},
}
"""Tasks that follow a check, with their settings."""
TWO_MEANINGS = "transparency and several colours"  # why a mask may be refused that is a picture
PER_PIXEL = 40  # bytes of memory for each pixel that the header speaks of
PER_BYTE = 4  # bytes of memory for each byte of the file
BESIDE = 160 * MIB  # for the process itself, and for what a file of no size may unpack: texts of 16 MiB
GRACE_S = 0.25  # CPU seconds between a limit and the process's end
PROCESSES = 2


@dataclass(frozen=True)
class Read:
    """The end of a process that read a file: its reply, its CPU seconds, and the bytes that it took at its peak."""

    reply: Reply
    cpu_s: float
    peak: int


@dataclass
class Found:
    """Files by what became of them, the largest seconds and bytes, and findings as (number, what is wrong)."""

    outcomes: Counter[str] = field(default_factory=Counter)
    cpu_s: float = 0.0
    peak: int = 0
    findings: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Found) -> None:
        self.outcomes += other.outcomes
        self.cpu_s, self.peak = max(self.cpu_s, other.cpu_s), max(self.peak, other.peak)
        self.findings += other.findings


def main() -> int:
    """Read the files that the command line asks for; return the exit status."""
    arguments = _arguments()
    if arguments.only is not None:
        return _one(arguments.seed, arguments.only, arguments.keep)
    begun, found = time.monotonic(), Found()
    end = time.time() + 60 * arguments.minutes if arguments.minutes else None
    files = sys.maxsize if arguments.minutes else arguments.files
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        shares = [pool.submit(_share, arguments.seed, range(k, files, PROCESSES), end) for k in range(PROCESSES)]
        for share in shares:
            found.add(share.result())
    _print(found, arguments.seed, time.monotonic() - begun)
    return 1 if found.findings else 0


def _share(seed: int, numbers: range, end: float | None) -> Found:
    """Read one process's share of the files, or as many as it can until `end`."""
    warnings.simplefilter("ignore")  # as in the decoder
    Image.init()
    whole, found = originals(), Found()
    gc.collect()
    gc.freeze()  # a fork then copies fewer pages
    for number in itertools.takewhile(lambda _: end is None or time.time() < end, numbers):
        chance = _chance(seed, number)
        _judge(found, number, mutated(chance, whole), chance.choice(tuple(LATER)))
    return found


def _judge(found: Found, number: int, data: bytes, later: str) -> None:
    """Check a file, carry out a later task if it is let through, and note what became of it."""
    checked = _read("check", data)
    found.add(_judged(number, data, "check", checked))
    if checked.reply.problem is None and checked.reply.exit_status is None:
        read = _read(later, data, **LATER[later])
        found.add(_judged(number, data, later, read))
        refused = read.reply.problem
        if refused is not None and TWO_MEANINGS not in refused:
            found.findings.append((number, f"{later} refuses what the check lets through: {refused}"))


def _read(task: str, data: bytes, **settings: object) -> Read:
    """Carry out a decoder's task in a fork."""
    seconds = _seconds(task, data)
    order = Order(task, seconds, max(WALL_S, WALL * seconds), settings=settings)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    file = messages.shared(data)
    process = os.fork()
    if process == 0:
        fork_server._work(order, theirs, file)
    theirs.close()
    os.close(file)
    with closing(ours):
        message, files = messages.receive(ours)
    _, status, usage = os.wait4(process, 0)
    reply = Reply(**message) if message else Reply(exit_status=os.waitstatus_to_exitcode(status))
    for descriptor, shape in zip(files, reply.shapes, strict=True):
        messages.mapped(descriptor, shape)
    return Read(reply, usage.ru_utime + usage.ru_stime, 1024 * usage.ru_maxrss)


def _seconds(task: str, data: bytes) -> float:
    """Return the CPU seconds that a task may take."""
    return head_of(data).check_s * (1 if task in ("check", "lightest") else WHOLE)


def _judged(number: int, data: bytes, task: str, read: Read) -> Found:
    """Return what became of a file, and a finding for each bound that was passed."""
    name = _outcome(read.reply)
    wrong = [name] if name.startswith("ended with") else []
    if read.cpu_s > _seconds(task, data) + GRACE_S:
        wrong.append(f"{read.cpu_s:.2f} CPU seconds")
    pixels = _pixels(data)
    if read.peak > BESIDE + PER_PIXEL * pixels + PER_BYTE * len(data):
        wrong.append(f"{read.peak / MIB:.0f} MiB for {pixels:,} pixels in {len(data):,} bytes")
    findings = [(number, f"{task}: {problem}") for problem in wrong]
    return Found(Counter([f"{task}: {name}"]), read.cpu_s, read.peak, findings)


def _pixels(data: bytes) -> int:
    """Return the pixels that a file may have: the most that are read where its first bytes don't say.

    A GIF's pictures may be larger than the screen of which its first bytes speak.
    """
    head = head_of(data)
    return MAX_PIXELS if head.pixels is None or head.format == "GIF" else min(head.pixels, MAX_PIXELS)


def _outcome(reply: Reply) -> str:
    if reply.problem is not None:
        return re.sub(r"\d[\d,]*", "N", reply.problem.partition(":")[0])
    if reply.exit_status in TIME_IS_UP:
        return "takes too long to decode"
    return "read" if reply.exit_status is None else f"ended with {reply.exit_status}"


def _chance(seed: int, number: int) -> random.Random:
    return random.Random(f"{seed}-{number}")  # noqa: S311 - repeatable, not secret


def _one(seed: int, number: int, keep: Path | None) -> int:
    """Read one file of a run again."""
    chance = _chance(seed, number)
    data = mutated(chance, originals())
    if keep is not None:
        (keep / f"{seed}-{number}").write_bytes(data)
    found = Found()
    _judge(found, number, data, chance.choice(tuple(LATER)))
    _print(found, seed, found.cpu_s)
    return 1 if found.findings else 0


def _print(found: Found, seed: int, seconds: float) -> None:
    for name, count in found.outcomes.most_common():
        print(f"{count:6d}  {name}")
    print(f"seed {seed}, {seconds:.0f} s; at most {found.cpu_s:.2f} CPU s and {found.peak / MIB:.0f} MiB for a file")
    for number, what in found.findings:
        print(f"FOUND file {number}: {what}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz.pictures", description=__doc__)
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--minutes", type=float, default=0, help="as many files as are read in this time")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="chance by default")
    parser.add_argument("--only", type=int, help="the number of one file of a run")
    parser.add_argument("--keep", type=Path, help="folder to write that file to")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
