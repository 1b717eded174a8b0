"""python -m service COMMAND: serve, web, worker, painter, keys, tenants, stylize, doctor …, see COMMANDS."""

from __future__ import annotations

import argparse
import importlib
import logging
import signal
import sys
from contextlib import nullcontext

from service.config import log_form
from service.errors import ServiceError
from service.machine.loading import loading
from service.machine.processes import unwinding_when_told_to_end
from service.machine.streams import give_up_output, open_missing_streams
from service.machine.threads import let_idle_threads_sleep
from service.telemetry.logs import set_up_logs
from service.telemetry.stray_lines import capture_stray_lines, wait_for_stray_lines

COMMANDS = {
    "serve": "start the web server and all workers, and keep them running",
    "web": "start the web server alone",
    "worker": "start one worker alone",
    "painter": "start one painter worker alone",
    "doctor": "look whether all that the service needs is there and works",
    "keys": "make, list, replace and end the API keys in the database",
    "tenants": "make, limit, list and remove tenants",
    "webhook-secret": "print the secret by which webhooks are signed",
    "accept-blobs": "say that the database is the one that the blob store belongs to",
    "backup": "copy database and blobs into one file while the service runs",
    "restore": "put a backup into an empty folder",
    "stylize": "paint one picture without a server",
}

SERVICES = ("serve", "web", "worker", "painter")  # commands that keep a log
INTERRUPTED = 130  # exit status after Ctrl-C
UNREAD = 128 + signal.SIGPIPE  # exit status where nobody reads on, as in `doctor | head -1`


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m service", description="Neural style transfer.")
    commands = parser.add_subparsers(dest="command", required=True)
    parsers = {name: commands.add_parser(name, help=doc, description=doc) for name, doc in COMMANDS.items()}
    chosen = next((word for word in argv if word in COMMANDS), None)
    if chosen is None:
        parser.parse_args(argv)
        return 2
    open_missing_streams()
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
        arguments = parser.parse_args(argv)
        with nullcontext() if is_service else unwinding_when_told_to_end():
            status = int(module.run(arguments))
        sys.stdout.flush()
        return status
    except ServiceError as error:
        _say(f"{parser.prog} {chosen}: {error.detail}", log=is_service)
        return 2
    except KeyboardInterrupt:
        _say(f"{parser.prog} {chosen}: stopped", log=is_service)
        return INTERRUPTED
    except OSError as error:
        if is_service:
            raise
        return _end_unheard(f"{parser.prog} {chosen}", error)
    finally:
        wait_for_stray_lines()


def _end_unheard(command: str, error: OSError) -> int:
    """Return the exit status after what is most often an error of standard output: a pipe or disk takes no more."""
    give_up_output()
    if isinstance(error, BrokenPipeError):
        return UNREAD
    _say(f"{command}: {error}", log=False)
    return 2


def _say(words: str, *, log: bool) -> None:
    """Say why a command ends: in the log where there is one."""
    if log:
        logging.getLogger("service").critical("%s", words)
    else:
        print(words, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
