"""The one place where the HTTP side is put together."""

from __future__ import annotations

from flask_openapi3 import Info, OpenAPI

from service import __version__
from service.api import problems, styles, system, transfers
from service.api.body import ApiRequest
from service.api.parts import KEY, Parts
from service.api.schemas import ProblemModel
from service.api.waiting import Waiting
from service.config import Settings
from service.jobs.queue import Queue
from service.jobs.roll import Roll
from service.logs import set_up_logs
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.styles.presets import Presets

INFO = Info(
    title="Neural style transfer",
    version=__version__,
    description="POST a photo and a style, get a picture back that looks painted (Gatys, Ecker, Bethge 2016).",
)


class Api(OpenAPI):
    """Flask with this API's idea of a request body."""

    request_class = ApiRequest


def create_app(settings: Settings | None = None) -> Api:
    """The WSGI application, over the settings given or those of the environment."""
    set_up_logs()
    settings = settings or Settings.from_environment()
    app = Api(
        "service",
        info=INFO,
        doc_ui=False,
        static_folder=None,
        validation_error_model=ProblemModel,
        validation_error_callback=problems.validation_response,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config["MAX_CONTENT_LENGTH"] = round(settings.max_body_mb * 2**20)
    app.config["MAX_FORM_MEMORY_SIZE"] = app.config["MAX_CONTENT_LENGTH"]  # the JSON part may hold base64 too
    app.extensions[KEY] = _parts(settings)
    problems.register(app)
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
