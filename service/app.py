"""The one place where the HTTP side is put together."""

from __future__ import annotations

from service.api import styles, system, transfers
from service.api.openapi import Api
from service.api.parts import KEY, Parts
from service.api.waiting import Waiting
from service.config import Settings
from service.jobs.queue import Queue
from service.jobs.roll import Roll
from service.logs import set_up_logs
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.styles.presets import Presets


def create_app(settings: Settings | None = None) -> Api:
    """The WSGI application, over the settings given or those of the environment."""
    set_up_logs()
    settings = settings or Settings.from_environment()
    app = Api()
    app.config["MAX_CONTENT_LENGTH"] = round(settings.max_body_mb * 2**20)
    app.config["MAX_FORM_MEMORY_SIZE"] = app.config["MAX_CONTENT_LENGTH"]  # the JSON part may hold base64 too
    app.extensions[KEY] = _parts(settings)
    for blueprint in (system.blueprint, styles.blueprint, transfers.blueprint):
        app.register_api(blueprint)
    return app


def _parts(settings: Settings) -> Parts:
    database = Database(settings.database)
    blobs = Blobs(settings.blob_url)
    return Parts(
        settings=settings,
        database=database,
        blobs=blobs,
        presets=Presets(database, blobs),
        queue=Queue(database, settings.lease_s),
        roll=Roll(database),
        waiting=Waiting(settings.web_threads // 2),
    )
