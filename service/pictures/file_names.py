"""Names of picture files: those that come with pictures, made safe, and those that results are offered under."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

LONGEST = 200  # bytes of a name, in UTF-8, that are kept; most file systems take 255
LONGEST_ENDING = 16  # bytes of an ending, with its dot
NAMED_STYLES = 2  # styles that a result's name has
WITHOUT = "painting"  # what a result's name begins with if its content came without a name


def safe_name(name: str) -> str:
    """Return a file's name without folders, control characters, and what else no file's name should have.

    The ending of a name that is too long stays. What has no usable character becomes an empty text.
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    visible = "".join(letter for letter in last if letter.isprintable()).strip().lstrip(".").strip()
    if len(visible.encode()) <= LONGEST:
        return visible
    ending = _ending(visible)
    kept = stem(visible).encode()[: LONGEST - len(ending.encode())]
    return kept.decode(errors="ignore").rstrip() + ending  # a letter that was cut through is left out


def form_file_name(name: str) -> str:
    """Return the safe name of a form's file. Browsers send a quote in it as `%22`, and broken lines likewise."""
    return safe_name(name.replace("%22", '"').replace("%0D", "").replace("%0A", ""))


def stem(name: str) -> str:
    """Return a file's name without its ending."""
    return name.removesuffix(_ending(name))


def result_name(content: str, styles: Sequence[str], part: str, format: str) -> str:
    """Return the name of a result, as in `photo - mosaic.png`.

    Args:
        content: the content image's name; may be empty.
        styles: a name for each of the styles.
        part: what tells it from other files of the transfer, as in "2" for the second variant; may be empty.
        format: png, jpeg or webp.
    """
    known = [style for style in styles if style]
    more = [f"{len(known) - NAMED_STYLES} more"] if len(known) > NAMED_STYLES else []
    named = " + ".join(known[:NAMED_STYLES] + more)
    rest = "".join(f" - {word}" for word in (named, part) if word) + f".{format.replace('jpeg', 'jpg')}"
    room = max(LONGEST - len(rest.encode()), len(WITHOUT))
    begin = stem(content).encode()[:room].decode(errors="ignore").rstrip()  # what tells files apart stays whole
    return safe_name(f"{begin or WITHOUT}{rest}")


def _ending(name: str) -> str:
    ending = PurePosixPath(name).suffix
    return ending if len(ending.encode()) <= LONGEST_ENDING else ""
