"""The style pictures of jobs and presets that are gone, by tenant: so a removed tenant's Gram matrices can go too."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.storage.database import now, read_clock
from service.storage.row_locks import delete_unlocked
from service.storage.schema import DEFAULT_TENANT
from service.storage.tenant_schema import StyleUseRow
from service.storage.upsert import insert_into

BATCH = 1000  # rows in a statement, whose parameters databases limit
GRACE_S = 3600.0  # seconds in which a worker that has lost its job may still store Gram matrices


def note_uses(session: Session, uses: Collection[tuple[str, str]]) -> None:
    """Note tenants and the SHA-256 of their style pictures, in the transaction that removes what has named these.

    Call it once in a transaction: it locks the notes in their order.
    """
    if found := sorted({use for use in uses if use[0] != DEFAULT_TENANT and use[1]}):
        clock, new = read_clock(session), insert_into(session, StyleUseRow)
        renewed = {"gone_at": new.excluded.gone_at}  # the worker that loses this job may store Gram matrices yet
        noted = new.on_conflict_do_update(index_elements=("tenant", "image"), set_=renewed)
        session.execute(noted, [{"tenant": tenant, "image": image, "gone_at": clock} for tenant, image in found])


def noted_images(session: Session, tenant: str, limit: int) -> list[str]:
    """Return the SHA-256 of at most `limit` pictures that were noted for a tenant."""
    return list(session.scalars(select(StyleUseRow.image).where(StyleUseRow.tenant == tenant).limit(limit)))


def forget_uses(session: Session, tenant: str, images: Collection[str]) -> None:
    """Remove the notes of these pictures of a tenant, but for those that are being renewed."""
    delete_unlocked(session, StyleUseRow, StyleUseRow.tenant == tenant, StyleUseRow.image.in_(images))


def forget_others(session: Session, is_cached: Callable[[str], bool]) -> None:
    """Remove the notes that are older than GRACE_S, of pictures for which no Gram matrices are cached."""
    old = StyleUseRow.gone_at < now() - GRACE_S
    gone = [
        image for image in session.scalars(select(StyleUseRow.image).where(old).distinct()) if not is_cached(image)
    ]
    for i in range(0, len(gone), BATCH):
        delete_unlocked(session, StyleUseRow, old, StyleUseRow.image.in_(gone[i : i + BATCH]))
