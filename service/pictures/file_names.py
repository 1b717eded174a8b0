"""Names of picture files: those that come with pictures, made safe, and those that results are offered under."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

LONGEST = 200  # bytes of a name, in UTF-8, that are kept; most file systems take 255
LONGEST_ENDING = 16  # bytes of an ending, with its dot
LONGEST_LABEL = 60  # characters of a label in a name
NAMED_STYLES = 2  # styles that a result's name has
WITHOUT = "painting"  # what a result's name begins with if its content came without a name
_REFUSED = re.compile(r'[<>:"|?*\\/]')  # by Windows, in any name
_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³]|conin\$|conout\$) *(\.|$)", re.IGNORECASE)
"""The beginning of a name that Windows takes for a device, whatever its ending."""


def safe_name(name: str) -> str:
    """Return a file's name without folders, control characters, and what else no file's name should have.

    The ending of a name that is too long stays. What has no usable character becomes an empty text.
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    visible = "".join(letter for letter in last if letter.isprintable()).strip().lstrip(".").strip()
    if len(visible.encode()) <= LONGEST:
        return visible
    ending = _ending(visible)
    return _cut(stem(visible), LONGEST - len(ending.encode())) + ending


def portable_name(name: str) -> str:
    """Return a safe name as Windows takes it too, for files that are unpacked anywhere."""
    plain = _REFUSED.sub("_", name).rstrip(". ")
    return f"_{plain}" if _DEVICE.match(plain) else plain


def told_apart_by(name: str) -> str:
    """Return what is equal for two names that macOS or Windows take for one."""
    return unicodedata.normalize("NFC", name.casefold())


def form_file_name(name: str) -> str:
    """Return the safe name of a form's file. Browsers send a quote in it as `%22`, and broken lines likewise."""
    return safe_name(name.replace("%22", '"').replace("%0D", "").replace("%0A", ""))


def stem(name: str) -> str:
    """Return a file's name without its ending."""
    return name.removesuffix(_ending(name))


def plain_label(label: str) -> str:
    """Return a picture's label as a part of a file's name: short, and without what some systems refuse there."""
    words = " ".join(re.sub(r"[^\w.,%+-]", " ", label, flags=re.ASCII).split())
    return words.replace(" ,", ",")[:LONGEST_LABEL].rstrip()


def result_name(content: str, styles: Sequence[str], parts: Sequence[str], format: str) -> str:
    """Return the name of a result, as in `photo - mosaic.png`.

    Args:
        content: the content image's name; may be empty.
        styles: a name for each of the styles.
        parts: what tells it from other files of the transfer, as in "2" and "strength 0.5".
        format: png, jpeg or webp.
    """
    known = [style for style in styles if style]
    more = [f"{len(known) - NAMED_STYLES} more"] if len(known) > NAMED_STYLES else []
    named = _cut(" + ".join(known[:NAMED_STYLES] + more), LONGEST // 2)
    rest = "".join(f" - {word}" for word in (named, *parts) if word) + f".{format.replace('jpeg', 'jpg')}"
    begin = _cut(stem(content), LONGEST - len(rest.encode()))  # what tells files apart stays whole
    return safe_name(f"{begin or WITHOUT}{rest}")


def _cut(text: str, most: int) -> str:
    """Return the beginning of a text, at most so many bytes of UTF-8; a letter that is cut through is left out."""
    return text.encode()[:most].decode(errors="ignore").rstrip()


def _ending(name: str) -> str:
    ending = PurePosixPath(name).suffix
    return ending if len(ending.encode()) <= LONGEST_ENDING else ""
