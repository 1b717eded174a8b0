"""The files of presets that unfinished jobs need."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from service.jobs.request import blobs
from service.storage.database import Database
from service.storage.schema import DEFAULT_TENANT, REQUESTS_AT_ONCE, JobRow

LOOKED_THROUGH = 500  # jobs whose requests one call reads


def not_in_use(database: Database, tenant: str, folders: Collection[str]) -> set[str]:
    """Return those of the folders of a tenant's presets that surely no unfinished job needs.

    There are none of them where more than LOOKED_THROUGH jobs may use the presets: the sweep looks through all.
    """
    unfinished = select(JobRow.request).where(JobRow.status.in_(("queued", "running")))
    if tenant != DEFAULT_TENANT:  # which alone shares its presets with others
        unfinished = unfinished.where(JobRow.tenant == tenant)
    with database.reading() as session:
        jobs = session.scalars(unfinished.with_only_columns(JobRow.id).limit(LOOKED_THROUGH + 1)).all()
        if len(jobs) > LOOKED_THROUGH:
            return set()
        requests = session.scalars(unfinished.execution_options(yield_per=REQUESTS_AT_ONCE))
        return set(folders) - {key.rpartition("/")[0] for request in requests for key in blobs(request)}
