"""The files of presets that unfinished jobs need, and the removal of those that none needs."""

from __future__ import annotations

import logging
from collections.abc import Collection

from sqlalchemy import select

from service.errors import DatabaseError
from service.jobs.request import blobs
from service.storage.blob_folders import JOBS, folder_of
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.left import count_no_longer, counted_folders
from service.storage.records import UNFINISHED
from service.storage.schema import DEFAULT_TENANT, REQUESTS_AT_ONCE, JobRow
from service.storage.unsaved import REMOVAL_S, remove_unsaved

logger = logging.getLogger(__name__)

LOOKED_THROUGH = 500  # jobs whose requests one call reads


def not_in_use(database: Database, tenant: str, folders: Collection[str]) -> set[str]:
    """Return those of the folders of a tenant's presets that surely no unfinished job needs.

    There are none of them where more than LOOKED_THROUGH jobs may use the presets: the sweep looks through all.
    """
    unfinished = select(JobRow.request).where(JobRow.status.in_(UNFINISHED))
    if tenant != DEFAULT_TENANT:  # which alone shares its presets with others
        unfinished = unfinished.where(JobRow.tenant == tenant)
    with database.reading() as session:
        jobs = session.scalars(unfinished.with_only_columns(JobRow.id).limit(LOOKED_THROUGH + 1)).all()
        if len(jobs) > LOOKED_THROUGH:
            return set()
        requests = session.scalars(unfinished.execution_options(yield_per=REQUESTS_AT_ONCE))
        return set(folders) - {folder_of(key) for request in requests for key in blobs(request)}


def remove_left(database: Database, blobs: Blobs, tenant: str) -> None:
    """Remove the files that presets and batches of a tenant have left, but for those that unfinished jobs need.

    What can't be removed within REMOVAL_S counts on, and is left to the sweep.
    """
    try:
        with database.reading() as session:
            left = counted_folders(session, tenant)
        of_presets = {folder for folder in left if not folder.startswith(f"{JOBS}/")}
        used = of_presets - not_in_use(database, tenant, of_presets) if of_presets else set()
        if removed := remove_unsaved(blobs, [folder for folder in left if folder not in used], REMOVAL_S):
            with database.writing() as session:
                count_no_longer(session, removed)
    except DatabaseError as error:  # what the request asked for is done
        logger.warning("what the tenant %s has left stays until it is swept up: %s", tenant, error.detail)
