"""What a worker process does first: it frees the jobs of those before it on this machine that were killed."""

from __future__ import annotations

import logging
import socket

from service.config import Settings
from service.errors import DatabaseError
from service.jobs.leases import Leases
from service.storage.database import Database

logger = logging.getLogger(__name__)


def release_the_dead(settings: Settings) -> None:
    """Puts jobs up for claiming whose worker was a process of this machine that is gone.

    A database that fails is logged and no more: their leases will run out.
    """
    try:
        database = Database(settings.database)
        try:
            released = Leases(database, settings.lease_s).release_dead(socket.gethostname())
        finally:
            database.close()
    except DatabaseError:
        logger.exception("could not free the jobs of dead workers: their leases will run out")
        return
    for id in released:
        logger.warning("job %s: its worker is dead, so it can be claimed again", id)
