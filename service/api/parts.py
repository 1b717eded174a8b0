"""What the views work with, kept on the Flask app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from service.api.waiting import Waiting
from service.config import Settings
from service.jobs.queue import Queue
from service.jobs.roll import Roll
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.styles.presets import Presets

KEY = "nst"


@dataclass(frozen=True)
class Parts:
    """The parts of the service that the HTTP side uses, made once in create_app."""

    settings: Settings
    database: Database
    blobs: Blobs
    presets: Presets
    queue: Queue
    roll: Roll
    waiting: Waiting


def parts() -> Parts:
    """The parts of the app that handles this request."""
    return cast(Parts, current_app.extensions[KEY])
