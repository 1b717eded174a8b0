"""Logging, the same in every process: one line an event, to standard error."""

from __future__ import annotations

import logging


def set_up_logs() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
