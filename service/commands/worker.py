"""python -m service worker: one worker process."""

from __future__ import annotations

import argparse

from service.config import Settings
from service.logs import set_up_logs
from service.worker import Worker


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The settings come from the environment alone."""


def run(args: argparse.Namespace) -> int:
    set_up_logs()
    Worker(Settings.from_environment()).run()
    return 0
