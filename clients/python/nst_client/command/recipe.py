"""The recipe of a command: styles and options, which all pictures of a call share."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nst_client.command.refused import Refused
from nst_client.pictures import Parts

NAMED = ("size", "strength", "iterations", "seed", "color", "method", "format", "quality")
"""Options that have an argument of their own; all others are given by --set."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a recipe."""
    parser.add_argument("--preset", action="append", default=[], help="a preset; several are mixed")
    parser.add_argument("--style", action="append", default=[], type=Path, metavar="FILE", help="a picture as style")
    parser.add_argument("--size", type=int, help="long edge of what is painted, in pixels")
    parser.add_argument("--strength", type=float, help="0 to 1: how much of the style")
    parser.add_argument("--iterations", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--color", help="style, luminance or match")
    parser.add_argument("--method", help="optimize or painter")
    parser.add_argument(
        "--painter", dest="method", action="store_const", const="painter", help="for presets that have a painter"
    )
    parser.add_argument(
        "--format", choices=("png", "jpeg", "webp"), help="by default as the output's name has it, or png"
    )
    parser.add_argument("--quality", type=int, help="of jpeg and webp, 1 to 100")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="any other option of the API"
    )


def fields_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of a transfer beside its content. Raises Refused."""
    styles = [{"preset": name} for name in args.preset] + [{"image": path} for path in args.style]
    fields = {name: getattr(args, name) for name in NAMED if getattr(args, name) is not None}
    fields |= {"styles": styles} if styles else {}
    fields |= dict(map(_set, args.set))
    if not fields.keys() & {"styles", "variants", "blend"}:
        raise Refused("name a style: --preset mosaic (`nst styles` lists them), or --style painting.jpg")
    return fields


def _set(text: str) -> tuple[str, Any]:
    """Return name and value of an option; a value that is no JSON is a text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise Refused(f"--set {text}: write NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def files_in(fields: Mapping[str, Any]) -> Sequence[Path]:
    """Return the pictures on this machine that a recipe reads. Raises OSError if one can't be read."""
    parts = Parts()
    parts.body(fields)
    return parts.paths


def digest(fields: Mapping[str, Any]) -> str:
    """Return a hash of a recipe with the bytes of its pictures, the same for the same result. Raises OSError."""
    parts = Parts()
    body = parts.body(fields)
    files = {name: hashlib.sha256(data).hexdigest() for name, (_, data) in parts.files.items()}
    return hashlib.sha256(json.dumps([body, files], sort_keys=True).encode()).hexdigest()
