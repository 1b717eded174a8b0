"""python -m service COMMAND: serve, web, worker, painter, keys, tenants, stylize, doctor …, see COMMANDS."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys

from service.config import let_idle_threads_sleep, log_form
from service.errors import ServiceError
from service.machine.loading import loading
from service.telemetry.logs import set_up_logs
from service.telemetry.stray_lines import capture_stray_lines, wait_for_stray_lines

COMMANDS = {
    "serve": "start the web server and all workers, and keep them running",
    "web": "start the web server alone",
    "worker": "start one worker alone",
    "painter": "start one painter worker alone",
    "doctor": "look whether all that the service needs is there and works",
    "keys": "make, list, replace and end the API keys in the database",
    "tenants": "make, list and remove tenants",
    "webhook-secret": "print the secret by which webhooks are signed",
    "accept-blobs": "say that the database is the one that the blob store belongs to",
    "backup": "copy database and blobs into one file while the service runs",
    "restore": "put a backup into an empty folder",
    "stylize": "paint one picture without a server",
}

SERVICES = ("serve", "web", "worker", "painter")  # commands that keep a log
INTERRUPTED = 130  # exit status after Ctrl-C


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m service", description="Neural style transfer.")
    commands = parser.add_subparsers(dest="command", required=True)
    parsers = {name: commands.add_parser(name, help=doc, description=doc) for name, doc in COMMANDS.items()}
    chosen = next((word for word in argv if word in COMMANDS), None)
    if chosen is None:
        parser.parse_args(argv)
        return 2
    let_idle_threads_sleep()
    is_service = chosen in SERVICES and not {"-h", "--help"} & set(argv)
    if is_service:
        capture_stray_lines(log_form())
        set_up_logs(log_form())
    try:
        with loading():
            module = importlib.import_module(f"service.commands.{chosen.replace('-', '_')}")
        if hasattr(module, "add_arguments"):  # the other commands take all settings from the environment
            module.add_arguments(parsers[chosen])
        return int(module.run(parser.parse_args(argv)))
    except ServiceError as error:
        _say(f"{parser.prog} {chosen}: {error.detail}", log=is_service)
        return 2
    except KeyboardInterrupt:
        _say(f"{parser.prog} {chosen}: stopped", log=is_service)
        return INTERRUPTED
    finally:
        wait_for_stray_lines()


def _say(words: str, *, log: bool) -> None:
    """Say why a command ends: in the log where there is one."""
    if log:
        logging.getLogger("service").critical("%s", words)
    else:
        print(words, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
