"""What is shown meanwhile: a progress bar on a terminal, and that the service is waited for."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

from nst_client.errors import ClientError
from nst_client.patience import PATIENCE_S

SHAPE = "{desc} {percentage:3.0f}%|{bar}| {elapsed}{postfix}"


class Bar:
    """The share of some pictures that is painted, with the time that has passed. Only a terminal shows it."""

    def __init__(self, what: str, pictures: int = 1) -> None:
        self._bar = tqdm(
            total=pictures, desc=what, bar_format=SHAPE, disable=not sys.stderr.isatty(), file=sys.stderr, leave=False
        )

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def show(self, painted: float, words: str = "") -> None:
        """Show how many pictures are painted, with those under way in part."""
        self._bar.n = painted
        self._bar.set_postfix_str(words, refresh=False)
        self._bar.refresh()


class Waits:
    """What the command waits for, once for all requests that wait for the same."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}  # words, and when they are said again

    def say(self, error: ClientError) -> None:
        """Print on stderr why a request is repeated."""
        words, now = str(error), time.monotonic()
        if now >= self._said.get(words, now):
            tqdm.write(f"nst: {words}; trying again for up to {PATIENCE_S:.0f} s", file=sys.stderr)
            self._said[words] = now + PATIENCE_S
