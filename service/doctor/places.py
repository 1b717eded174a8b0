"""Checks of database, blobs, disk, temporary files, port and broker. A running service isn't disturbed."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from sqlalchemy import make_url

from service.config import Settings
from service.doctor.report import FAILURE, OK, WARNING, Finding
from service.doctor.store import opened_blobs
from service.errors import NoSpace
from service.machine.memory import MIB
from service.machine.ports import why_not_free
from service.machine.scratch import candidates, why_no_place, why_no_semaphores, why_unusable
from service.storage.database import Database, stored_revision
from service.storage.disks import Disks, blobs_folder, database_file
from service.storage.migrations.upgrade import HEAD, REVISIONS
from service.storage.schema import MarkRow
from service.storage.writable import write_problems

MARK = "doctor"  # the row that is written and removed
SCARCE_MIB, TOO_SCARCE_MIB = 2048, 200  # MiB free on the disk, below which there is a warning, or a failure
PATIENCE_S = 3.0  # seconds to wait for a web server or broker that doesn't answer


def check_places(settings: Settings) -> Iterator[Finding]:
    """Check each file and folder that the service writes to, and that there is a place for its temporary files."""
    problems = list(write_problems(settings))
    for problem in problems:
        yield Finding(FAILURE, "places", problem)
    if not problems:
        yield Finding(OK, "places", "the files and folders of database and blobs can be written to")
    yield _temporary(settings)


def _temporary(settings: Settings) -> Finding:
    """Report where metrics, bells and heartbeats lie. NST_DATA isn't touched: the start makes a folder there."""
    *outside, in_data = candidates(settings.data)
    place = next((place for place in outside if not why_unusable(place)), None)
    if place is not None:
        return Finding(OK, "temporary", f"{place}: metrics, bells and heartbeats of the processes")
    there = next(path for path in in_data.parents if path.exists())
    if os.access(there, os.W_OK | os.X_OK):
        return Finding(OK, "temporary", f"{in_data}: no other place for temporary files can be written to")
    return Finding(FAILURE, "temporary", why_no_place(settings.data), "set TMPDIR to a folder that can be written to")


def check_database(settings: Settings) -> Iterator[Finding]:
    """Check that the database opens, has this version, and takes a write; other versions aren't changed."""
    file = database_file(settings.database)
    if file is not None and not file.exists():
        yield _yet_to_be_made(file)
        return
    revision = stored_revision(settings.database)
    if revision is not None and revision not in REVISIONS:
        advice = "start the version of the service that it was used with last, or a newer one"
        yield Finding(FAILURE, "database", f"it is of revision {revision}, and this knows those up to {HEAD}", advice)
    elif revision != HEAD:
        yield Finding(WARNING, "database", f"it is of revision {revision}: the next start brings it to {HEAD}")
    else:
        begun = time.monotonic()
        with closing(Database(settings.database)) as database, database.writing() as session:
            session.merge(MarkRow(name=MARK, made_at=0.0))
            session.flush()
            session.delete(session.get_one(MarkRow, MARK))
        took = 1000 * (time.monotonic() - begun)
        kind = make_url(settings.database).get_backend_name()
        yield Finding(OK, "database", f"{kind}, revision {revision}; opened and written to in {took:.0f} ms")


def _yet_to_be_made(file: Path) -> Finding:
    place = next(path for path in file.parents if path.exists())
    if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
        return Finding(OK, "database", f"{file} isn't there yet: the first start makes it")
    return Finding(FAILURE, "database", f"{file} can't be made: {place} can't be written to", "see NST_DATA")


def check_blobs(settings: Settings) -> Iterator[Finding]:
    """Check that a blob can be written, read and removed; a folder made for it is removed again."""
    folder = blobs_folder(settings.blob_url)
    made = [path for path in (folder, *folder.parents) if not path.exists()] if folder else []
    begun = time.monotonic()
    try:
        opened_blobs(settings).check()
        took = 1000 * (time.monotonic() - begun)
    finally:
        for path in made:
            with suppress(OSError):  # the service uses it by now
                path.rmdir()
    yield Finding(OK, "blobs", f"{folder or settings.blob_url}: written, read and removed in {took:.0f} ms")


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Check the free space of NST_DATA's disk, and compare that of database and blobs with the floor."""
    place = settings.data.absolute()
    there = next(path for path in (place, *place.parents) if path.exists())
    free = shutil.disk_usage(there).free // MIB
    status = OK if free >= SCARCE_MIB else WARNING if free >= TOO_SCARCE_MIB else FAILURE
    advice = "" if status == OK else "free some, or shorten NST_RETENTION or NST_GRAM_DISK_MB"
    text = f"{free} MiB are free at {there}"
    disks = Disks(settings.database, settings.blob_url, settings.disk_floor)
    try:
        disks.check()
    except NoSpace as error:
        status, text, advice = FAILURE, f"{text}; POST and PUT get 507: {error.detail}", "free some"
    yield Finding(status, "disk", "; ".join([text, *disks.lowered()]), advice)


def check_port(settings: Settings) -> Iterator[Finding]:
    """Check that the port is free, or that this service answers there."""
    address = f"{settings.host}:{settings.port}"
    problem = why_not_free(settings.host, settings.port)
    if not problem:
        yield Finding(OK, "port", f"{address} is free: nothing is served yet")
        return
    if _is_ours(settings):
        yield Finding(OK, "port", f"the service answers on {address}")
    else:
        advice = "choose another NST_HOST or NST_PORT"
        yield Finding(FAILURE, "port", f"{address} can't be used, and it isn't this service: {problem}", advice)


def _is_ours(settings: Settings) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - nothing is bound
    with closing(HTTPConnection(host, settings.port, timeout=PATIENCE_S)) as connection:
        try:
            connection.request("GET", "/livez")
            return bool(json.loads(connection.getresponse().read()) == {"status": "alive"})
        except (OSError, HTTPException, ValueError):
            return False


def check_broker(settings: Settings) -> Iterator[Finding]:
    """Check that the broker answers, if there is one."""
    if not settings.broker_url:
        yield Finding(OK, "broker", "none: the workers look by themselves")
        return
    if problem := why_no_semaphores():
        yield Finding(FAILURE, "broker", f"Celery's workers can't have their locks: {problem}", "make it writable")
    from service.broker.messages import make_app  # noqa: PLC0415 - Celery only where it is wanted

    with make_app(settings.broker_url).connection_for_write() as connection:
        address = connection.as_uri()  # without its password
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=PATIENCE_S)
        except Exception as error:  # noqa: BLE001 - each transport raises its own
            advice = "jobs are carried out all the same, a second later; see NST_BROKER_URL"
            yield Finding(WARNING, "broker", f"{address} doesn't answer: {error}", advice)
        else:
            yield Finding(OK, "broker", f"{address} answers")
