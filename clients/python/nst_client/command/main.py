"""nst: paint pictures by the neural style transfer service.

    nst photo.jpg --preset mosaic -o out.png    paint a picture
    nst folder/ --preset mosaic -o out/         paint all pictures of a folder; the same line goes on after a break
    nst styles                                  list the presets
    nst learn NAME                              teach a preset a painter
    nst watch ID                                follow a transfer

NSTCLIENT_URL and NSTCLIENT_KEY say where the service is, and the key that it asks for.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nst_client.client import URL as DEFAULT_URL
from nst_client.client import Client
from nst_client.command import folder, learn, picture, recipe, styles, watch
from nst_client.command.bar import Waits
from nst_client.command.refused import Refused
from nst_client.errors import ClientError, Unauthorized

URL, KEY = "NSTCLIENT_URL", "NSTCLIENT_KEY"
INTERRUPTED = 130  # as shells have it for SIGINT

Command = Callable[[Client, argparse.Namespace], int]


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line, and return the status to exit with: 0, 1 after an error, 130 after Ctrl-C."""
    words = sys.argv[1:] if words is None else words
    name = words[0] if words and words[0] in COMMANDS else ""
    parser = PARSERS[name]()
    args = parser.parse_args(words[1:] if name else words)
    try:
        command = COMMANDS.get(name) or (folder.paint if args.source.is_dir() else picture.paint)
        with Client(args.url, args.key, on_wait=Waits().say) as client:
            return command(client, args)
    except Unauthorized as error:
        said = "doesn't take this key" if args.key else "asks for a key"
        print(f"nst: the service {said}: {KEY} is for it ({error})", file=sys.stderr)
        return 1
    except (ClientError, Refused) as error:
        print(f"nst: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"nst: {error.filename}: {error.strerror}" if error.filename else f"nst: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _painting() -> argparse.ArgumentParser:
    parser = _parser("nst", (__doc__ or "").partition(":")[2])
    parser.add_argument("source", type=Path, help="a picture, or a folder of pictures")
    parser.add_argument("-o", "--output", type=Path, required=True, help="file, or folder, for what is painted")
    recipe.add_arguments(parser)
    parser.add_argument(
        "--jobs", type=int, default=4, metavar="N", help="a folder's pictures under way at a time (4)"
    )
    return parser


def _styles() -> argparse.ArgumentParser:
    return _parser("nst styles", "List the presets.")


def _learn() -> argparse.ArgumentParser:
    parser = _parser("nst learn", "Teach a preset a painter: a network that paints in one pass.")
    parser.add_argument("name", help="the preset's name")
    parser.add_argument("--minutes", type=float, metavar="N", help="of computing that it may take (6)")
    parser.add_argument("--size", type=int, help="long edge of the pictures that it learns to paint (512)")
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="photographs of the kind that it will paint")
    parser.add_argument("--replace", action="store_true", help="also if the preset has a painter")
    return parser


def _watch() -> argparse.ArgumentParser:
    parser = _parser("nst watch", "Follow a transfer until it ends.")
    parser.add_argument("id", help="the transfer's id")
    parser.add_argument("-o", "--output", type=Path, help="save the picture here")
    return parser


def _parser(prog: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog, None, description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=_variable(URL) or DEFAULT_URL, help=f"the service ({URL}, {DEFAULT_URL})")
    parser.add_argument("--key", default=_variable(KEY), help=f"a key of the service; better in {KEY}")
    return parser


def _variable(name: str) -> str:
    """Return a variable's text without blanks and ends of lines around it, which files of variables leave there."""
    return os.environ.get(name, "").strip()


COMMANDS: Mapping[str, Command] = {"styles": styles.show, "learn": learn.learn, "watch": watch.follow}
PARSERS: Mapping[str, Callable[[], argparse.ArgumentParser]] = {
    "": _painting, "styles": _styles, "learn": _learn, "watch": _watch
}  # fmt: skip
