"""Values of settings: each function reads a variable's text, and raises a ValueError that says what it must be."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from service.authority import parse_pattern
from service.errors import shown

QUOTES = "'\"`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"  # as people, shells and word processors write them
JOINERS = "\u200c\u200d"  # invisible, but some languages need them inside words
ODD = (
    (
        re.compile(r"\$[A-Za-z_{(]|\{\{|\}\}|(^|/)%[A-Za-z]|%[A-Za-z_]+%"),
        "has a variable in it, which nothing replaces here: write what it stands for",
    ),
    (re.compile(r"\s#"), "has a comment behind it, which counts as part of it: leave it out"),
    (re.compile(r";$"), "has a semicolon at its end, which counts as part of it: leave it out"),
    (
        re.compile("[\"`\u201c\u201d\u201e\u00ab\u00bb]|(^|/)['\u2018\u2019\u201a]|['\u2018\u2019\u201a]$"),
        "has a quotation mark in it, which counts as part of it: leave it out",
    ),
)
"""What files of variables leave in a path where they are read by other rules, and what to say of it.

An apostrophe, a `$` before a digit and a `#` inside a word are part of some names.
"""
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
SWITCH = {"on": True, "1": True, "true": True, "off": False, "0": False, "false": False}


def words(text: str) -> tuple[str, ...]:
    """Read a list with commas between its entries, at least one."""
    found = tuple(word.strip() for word in text.split(",") if word.strip())
    if not found:
        raise ValueError("is a list without an entry; leave it empty instead")
    return found


def api_keys(text: str) -> tuple[str, ...]:
    """Read a list of keys; what callers can't send in a header, or never mean, is refused without the text."""
    found = words(text)
    for number, word in enumerate(found, 1):
        if not all("!" <= character <= "~" for character in word):
            raise ValueError(f"has a blank or a character outside ASCII in its key {number}")
        if set(word) & set(QUOTES):
            raise ValueError(f"has a quotation mark in its key {number}, which counts as part of it: leave it out")
    return found


def origins(text: str) -> tuple[str, ...]:
    """Read a list of origins, each as in https://app.example.com, or *."""
    found = words(text)
    for word in found:
        if word != "*" and not re.fullmatch(r"[a-z][a-z0-9-]*://[A-Za-z0-9.-]+(:[0-9]{1,5})?", word):
            raise ValueError(f"{word!r} must be an origin as in https://app.example.com, or *")
    return found


def hosts(text: str) -> tuple[str, ...]:
    """Read a list of the patterns of service.authority."""
    found = words(text)
    for word in found:
        parse_pattern(word)
    return found


def whole(text: str) -> int:
    """Read a whole number."""
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"must be a whole number, not {shown(text)}") from None


def up_to(most: int) -> Callable[[str], int]:
    """Return a function that reads a whole number of at most `most`."""

    def parse(text: str) -> int:
        if (found := whole(text)) > most:
            raise ValueError(f"must be at most {most}")
        return found

    return parse


def number(text: str) -> float:
    """Read a number."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"must be a number, not {shown(text)}") from None


def duration(text: str) -> float:
    """Read a time; return it in seconds."""
    unit = SECONDS.get(text[-1:])
    try:
        return float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        raise ValueError(f"must be seconds, or a number with s, m, h or d as in 12h, not {shown(text)}") from None


def path(text: str) -> Path:
    """Read the path of a file or folder, which may begin with ~."""
    if why := oddity(text):
        raise ValueError(f"{why}: {shown(text)}")
    if re.match(r"[A-Za-z]:[\\/]|\\\\", text):
        raise ValueError(f"is a path of Windows: {shown(text)}")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        raise ValueError(f"must be a path, not the URL {shown(text)}")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"begins with ~, but nobody knows whose folder that is: {shown(text)}") from None


def oddity(text: str) -> str:
    """Return what would make an odd folder of a path, without the path; empty if nothing would."""
    return next((why for odd, why in ODD if odd.search(text)), "")


def port(text: str) -> int:
    """Read the number of a port."""
    found = whole(text)
    if not 0 < found < 2**16:
        raise ValueError("must be between 1 and 65535")
    return found


def port_or_none(text: str) -> int:
    """Read the number of a port, or 0 for none."""
    return 0 if text == "0" else port(text)


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a function that reads one of these words."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be {', '.join(choices[:-1])} or {choices[-1]}")
        return text

    return parse


def switch(text: str) -> bool:
    """Read on or off."""
    if text not in SWITCH:
        raise ValueError("must be on or off")
    return SWITCH[text]


def parsed(text: str, parse: Callable[[str], Any], low: float | None) -> Any:
    """Read a variable's text by one of these functions; a number must be finite and at least `low`, if given."""
    value = parse(_plain(text))
    if low is not None and not low <= value < math.inf:
        raise ValueError(f"must be at least {low:g}, and finite")
    return value


def _plain(text: str) -> str:
    """Return a variable's text; refuse what files of variables leave in it where they are read by other rules."""
    if any(ord(character) < ord(" ") for character in text):
        raise ValueError("has a control character in it")  # without the text, which may be a secret
    for character in text:
        if unicodedata.category(character) == "Cf" and character not in JOINERS:
            raise ValueError(f"has an invisible character in it (U+{ord(character):04X})")
    if len(text) > 1 and text[0] in QUOTES and text[-1] in QUOTES:
        raise ValueError("is in quotation marks, which count as part of it: leave them out")
    if re.match(r"(export\s+)?NST_[A-Z0-9_]+\s*=", text):
        raise ValueError("begins with the name of a variable, which counts as part of it: leave the name and = out")
    return text
