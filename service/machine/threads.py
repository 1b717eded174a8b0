"""CPU threads of this process: how many are wanted, and how they wait for work."""

from __future__ import annotations

import os

SPIN_TURNS = "3000"
"""How many turns of its loop an idle thread of torch waits for work before it sleeps.

With libgomp's default of 300,000, idle threads keep the cores from others: two workers on one pair of cores took 3.5
to 12 times as long, instead of twice. Without any turns (OMP_WAIT_POLICY=passive) one worker is 5 to 30 % slower.
"""


def let_idle_threads_sleep() -> None:
    """Let idle threads of torch sleep in this process and its children; call it before torch is loaded."""
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_TURNS)


MOST_THREADS = 1024  # that a process may be told to have: where more are asked for, it could hardly start them


def wanted_threads() -> int:
    """Return how many threads OMP_NUM_THREADS asks for, which may be a list; 0 for none, or too many."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    digits = first.lstrip("0")
    if not (first.isascii() and digits.isdigit() and len(digits) <= len(str(MOST_THREADS))):
        return 0
    return wanted if (wanted := int(digits)) <= MOST_THREADS else 0
