"""python -m service serve | web | worker | painter | stylize | doctor | webhook-secret | accept-blobs"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys

from service.config import let_idle_threads_sleep
from service.errors import ServiceError
from service.telemetry.logs import is_set_up

COMMANDS = {
    "serve": "start the web server and all workers, and keep them running",
    "web": "start the web server alone",
    "worker": "start one worker alone",
    "painter": "start one painter worker alone",
    "doctor": "look whether all that the service needs is there and works",
    "webhook-secret": "print the secret by which webhooks are signed",
    "accept-blobs": "say that the database is the one that the blob store belongs to",
    "stylize": "paint one picture without a server",
}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m service", description="Neural style transfer.")
    commands = parser.add_subparsers(dest="command", required=True)
    parsers = {name: commands.add_parser(name, help=doc, description=doc) for name, doc in COMMANDS.items()}
    chosen = next((word for word in argv if word in COMMANDS), None)
    if chosen is None:
        parser.parse_args(argv)
        return 2
    let_idle_threads_sleep()
    module = importlib.import_module(f"service.commands.{chosen.replace('-', '_')}")
    module.add_arguments(parsers[chosen])
    try:
        return int(module.run(parser.parse_args(argv)))
    except ServiceError as error:
        _say(f"{parser.prog} {chosen}: {error.detail}")
        return 2


def _say(words: str) -> None:
    """Say why a command ends: in the log where it has begun one, whose readers may expect JSON."""
    if is_set_up():
        logging.getLogger(__name__).critical("%s", words)
    else:
        print(words, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
