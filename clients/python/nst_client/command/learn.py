"""nst learn: a preset's painter."""

from __future__ import annotations

import argparse
from pathlib import Path

from nst_client.client import Client
from nst_client.command.bar import Bar
from nst_client.command.hint import hint
from nst_client.command.outputs import READ
from nst_client.command.refused import Refused

MOST_PHOTOS = 64  # that the service takes


def learn(client: Client, args: argparse.Namespace) -> int:
    """Teach a preset a painter, and show how far it is. Ctrl-C or an error leaves it to the service."""
    if not args.replace and client.painter(args.name).resource["size"] is not None:  # it paints, compared or not
        raise Refused(f"{args.name} has a painter: --replace teaches it another one, and this one can't be had back")
    photos = _pictures_in(args.photos) if args.photos else []
    with hint("No answer yet. `nst styles` shows whether the preset learns.", (KeyboardInterrupt,)):
        painter = client.learn_painter(args.name, photos=photos, size=args.size, minutes=args.minutes)
    with hint("The service goes on; `nst styles` shows when the painter is there."), Bar(args.name) as bar:
        painter.wait(on_progress=lambda now: bar.show(now.fraction, now.status))
    print(f"{args.name} has a painter, after {painter.resource['steps']} steps")
    return 0


def _pictures_in(folder: Path) -> list[Path]:
    """Return the pictures of a folder, by name. Raises Refused, or OSError if it can't be read."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in READ and path.is_file())
    if not found:
        raise Refused(f"{folder} has no pictures")
    if len(found) > MOST_PHOTOS:
        raise Refused(f"{folder} has {len(found)} pictures, where {MOST_PHOTOS} are the most")
    return found
