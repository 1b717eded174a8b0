"""A progress bar on a terminal; elsewhere nothing is drawn."""

from __future__ import annotations

import sys

from tqdm import tqdm

SHAPE = "{desc} {percentage:3.0f}%|{bar}| {elapsed}{postfix}"


class Bar:
    """The share of some pictures that is painted, with the time that has passed."""

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
