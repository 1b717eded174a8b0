"""The web application: the one place where the HTTP side is put together."""

from __future__ import annotations

import logging
import math
import threading

from werkzeug.middleware.proxy_fix import ProxyFix

from service.api import auth, limits
from service.api.admission import Admission
from service.api.context import KEY, AppContext
from service.api.conversions import Conversions
from service.api.description import docs
from service.api.description.openapi import Api
from service.api.http import caching, cors, same_origin
from service.api.http.access_log import AccessLog
from service.api.http.body import MAX_PARTS
from service.api.http.fullness import Fullness
from service.api.http.held_responses import LEAST, LEAST_ZIPS, FreeResponses, HeldResponses
from service.api.http.json_body import MAX_JSON
from service.api.http.large_bodies import LargeBodies
from service.api.http.shared_check import SharedCheck
from service.api.intake.long_reads import LongReads
from service.api.intake.recent_reads import RecentReads
from service.api.live.batch_events import BatchStreams
from service.api.live.streams import Streams
from service.api.live.waiting import Waits
from service.api.live.watch import Watch
from service.api.places import LongPlaces
from service.api.scopes import check_routes
from service.api.views import (
    batches,
    estimates,
    keys,
    live,
    metrics,
    painters,
    scores,
    style_pictures,
    styles,
    system,
    tenants,
    transfers,
    usage,
)
from service.broker.wake import waker
from service.config import Settings
from service.decoding import files
from service.errors import StorageError, Unavailable
from service.jobs.batches import Batches
from service.jobs.deliveries import Deliveries
from service.jobs.limits import Limits
from service.jobs.line import Line
from service.jobs.queue import Queue, cancel
from service.jobs.registry import WorkerRegistry
from service.machine.memory import MIB
from service.machine.new_threads import start
from service.outbound.fetches import Fetches
from service.outbound.hosts import DELIVERIES, WEBHOOKS, Hosts
from service.outbound.settings import picture_fetcher
from service.storage import identity
from service.storage.database import Database
from service.storage.disks import Disks
from service.storage.tenant_limits import default_limits
from service.studio import pages
from service.styles.preset_painters import PresetPainters
from service.styles.preset_versions import PresetVersions
from service.styles.presets import Presets
from service.styles.starters.loading import StartersCheck
from service.telemetry.logs import set_up_logs
from service.tenants.known_keys import KnownKeys
from service.tenants.recent_amounts import RecentAmounts
from service.web.root_path import RootPath
from service.web.server_counts import server_counts
from service.web.starters import load_in_background

logger = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> Api:
    """Return the WSGI application, with the settings given or those of the environment."""
    settings = settings or Settings.from_environment()
    set_up_logs(settings.log)
    files.start(settings.decode_s)
    app = Api()
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_JSON  # bytes of parts that are no files
    app.config["MAX_FORM_PARTS"] = MAX_PARTS
    app.extensions[KEY] = _context(settings)
    _tie_empty_store(app.extensions[KEY])
    same_origin.register(app)
    auth.authenticate(app)
    limits.register(app)
    auth.authorize(app)  # a 403 takes a token of the rate too
    if settings.starters:
        load_in_background(app.extensions[KEY])
    for views in (
        system,
        styles,
        style_pictures,
        painters,
        transfers,
        live,
        batches,
        scores,
        estimates,
        usage,
        keys,
        tenants,
    ):
        app.register_api(views.blueprint)
    app.register_api(metrics.blueprint)
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(docs.blueprint)
    check_routes(app)
    cors.allow(app, settings.cors_origins)
    caching.register(app)  # after CORS, which runs later then: what caching refuses needs its headers too
    app.wsgi_app = FreeResponses(app.wsgi_app)  # type: ignore[method-assign]
    app.wsgi_app = LargeBodies(app.wsgi_app)  # type: ignore[method-assign]
    app.wsgi_app = AccessLog(app.wsgi_app)  # type: ignore[method-assign]
    app.wsgi_app = Admission(app)  # type: ignore[method-assign]
    proxies = settings.trusted_proxies
    app.wsgi_app = RootPath(app.wsgi_app, settings.root_path, trusts_header=proxies > 0)  # type: ignore[method-assign]
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=0)  # type: ignore[method-assign]
    return app


def _tie_empty_store(context: AppContext) -> None:
    """Tie a new database to its empty blob store; in a thread, as a locked database must not delay the start."""

    def tie() -> None:
        try:
            identity.tie_new(context.database, context.blobs)
        except StorageError as error:  # /readyz reports it too, and the first sweep ties them instead
            logger.warning("the blob store got no id yet: %s", error.detail)

    try:
        if identity.is_new_store(context.blobs):  # looked at before the starters' files are there
            start(threading.Thread(target=tie, name="tie", daemon=True))
    except (StorageError, Unavailable) as error:
        logger.warning("the blob store could not be looked at: %s", error.detail)


def _context(settings: Settings) -> AppContext:
    database = Database(settings.database)
    blobs = identity.open_blobs(database, settings.blob_url)
    caller_bytes = settings.caller_disk_mb * MIB or math.inf
    of_tenants = default_limits(settings)
    of_queue = Limits(settings.queue_limit, settings.caller_limit, caller_bytes, settings.retention, of_tenants)
    line = Line(database, of_tenants)
    queue = Queue(database, of_queue, line=line)
    watch = Watch(queue, one_machine=settings.is_on_one_machine)
    places, counts = LongPlaces.of(settings.web_threads), server_counts()
    presets = Presets(database, blobs, caller_bytes, cancel, limits=of_tenants, retention_s=settings.retention)
    return AppContext(
        settings=settings,
        database=database,
        blobs=blobs,
        blobs_check=SharedCheck(blobs.check),
        disks=Disks(settings.database, settings.blob_url, settings.disk_floor),
        presets=presets,
        starters=StartersCheck(database, are_wanted=settings.starters),
        versions=PresetVersions(database, settings.retention, cancel, limits=of_tenants),
        painters=PresetPainters(database, blobs, cancel),
        queue=queue,
        batches=Batches(database, of_queue, line=line),
        line=line,
        deliveries=Deliveries(database),
        registry=WorkerRegistry(database),
        known_keys=KnownKeys(database, of_tenants),
        rates=counts.rates,
        recent_amounts=RecentAmounts(),
        watch=watch,
        waits=Waits(watch, places.for_waits),
        streams=Streams(watch, settings.streams, counted=counts.streams),
        batch_streams=BatchStreams(watch),
        webhook_hosts=Hosts(WEBHOOKS, settings.webhook_hosts),
        delivery_hosts=Hosts(DELIVERIES, settings.delivery_hosts),
        fetches=Fetches(picture_fetcher(settings)),
        conversions=Conversions(settings.web_threads // 2),
        long_reads=LongReads(places.for_reads),
        recent_reads=RecentReads(),
        fullness=Fullness(),
        responses=HeldResponses(
            max(LEAST, settings.web_threads // 2 * settings.max_body), "large responses"
        ),  # as for bodies
        zips=HeldResponses(max(LEAST_ZIPS, settings.web_threads // 2), "zip files"),
        wake=waker(settings.broker_url),
    )
