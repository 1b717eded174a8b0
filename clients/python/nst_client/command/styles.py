"""nst styles: the presets of a service."""

from __future__ import annotations

import argparse

from nst_client.client import Client


def show(client: Client, args: argparse.Namespace) -> int:
    """Print a line for each preset: its name, whether it has or learns a painter, and its description."""
    found = list(client.styles())
    width = max((len(style.name) for style in found), default=0)
    for style in found:
        painter = {"none": "", "ready": "painter"}.get(style.painter, style.painter)
        print(f"{style.name:<{width}}  {painter:8}  {style.description}".rstrip())
    return 0
