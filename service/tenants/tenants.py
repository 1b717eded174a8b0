"""Tenants: made, changed, listed, and looked up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from service.errors import NameTaken, NotFound
from service.machine.memory import MIB
from service.storage.database import Database, advisory_lock, now, read_clock
from service.storage.preset_schema import PresetRow, PresetVersionRow
from service.storage.schema import BatchRow, DeliveryRow, JobRow
from service.storage.tenant_amounts import amounts_of
from service.storage.tenant_limits import NO_LIMITS, TenantLimits, limits_from
from service.storage.tenant_schema import KeyRow, StyleUseRow, TenantRow, UsageRow
from service.tenants.keys import OPERATOR, Maker

LOCK = "tenants"
KEPT_S = 86_400.0  # seconds for which the row of a removed tenant stays
REST_S = 90.0  # seconds after a removal in which its name isn't used again: processes may know its keys until then


class Tenants:
    """The tenants in the database, as `maker` manages them. Every method raises DatabaseError if that fails.

    Those that change tenants raise Unauthorized if the maker's own key has ended.
    """

    def __init__(self, database: Database, maker: Maker = OPERATOR) -> None:
        self._database = database
        self._maker = maker

    def add(self, name: str, limits: TenantLimits = NO_LIMITS) -> TenantRow:
        """Make a tenant, with those limits that are its own.

        Raises:
            NameTaken: there is one of this name, or it was removed a moment ago.
        """
        with self._changing() as session:
            row, clock = session.get(TenantRow, name), read_clock(session)
            if row is None:
                row = TenantRow(name=name, created_at=clock, limits=limits.own() or None)
                session.add(row)
                return row
            if row.removed_at is None:
                raise NameTaken(f"there is a tenant {name!r} already")
            if row.removed_at > clock - REST_S or has_rows(session, name):
                raise NameTaken(f"the tenant {name!r} is being removed, or was a moment ago", retry_after=REST_S)
            row.created_at, row.removed_at, row.limits = clock, None, limits.own() or None
        return row

    def set_limits(self, name: str, changes: Mapping[str, float | None]) -> TenantRow:
        """Change limits of a tenant; None gives one its default again. Raises NotFound."""
        with self._changing() as session:
            row = _found(session, name)
            row.limits = limits_from(limits_from(row.limits).own() | dict(changes)).own() or None
        return row

    def get(self, name: str) -> TenantRow:
        """Return a tenant. Raises NotFound."""
        with self._database.reading() as session:
            return _found(session, name)

    def used(self, name: str) -> dict[str, float]:
        """Return what a tenant uses now of those limits that are counted in the database, by their names."""
        with self._database.reading() as session:
            found = amounts_of(session, name)
        return {
            "waiting_jobs": found.waiting_jobs,
            "running_jobs": found.running_jobs,
            "daily_cost": round(found.daily_cost, 3),
            "stored_mb": round(found.stored_bytes / MIB, 3),
            "presets": found.presets,
        }

    def page(self, after: str, limit: int) -> list[TenantRow]:
        """Return at most `limit` tenants by name, those after the name `after`."""
        query = select(TenantRow).where(TenantRow.name > after, TenantRow.removed_at.is_(None))
        with self._database.reading() as session:
            return list(session.scalars(query.order_by(TenantRow.name).limit(limit)))

    @contextmanager
    def _changing(self) -> Iterator[Session]:
        """Begin a transaction that changes tenants. Raises Unauthorized if the maker's own key has ended."""
        with self._database.writing() as session:
            advisory_lock(session, LOCK)
            self._maker.own_end(session)
            yield session


def _found(session: Session, name: str) -> TenantRow:
    row = session.get(TenantRow, name)
    if row is None or row.removed_at is not None:
        raise NotFound(f"there is no tenant {name!r}")
    return row


def forget_removed(session: Session) -> None:
    """Remove the rows of tenants that were removed KEPT_S ago, and of which nothing is left."""
    advisory_lock(session, LOCK)
    for row in session.scalars(select(TenantRow).where(TenantRow.removed_at < now() - KEPT_S)):
        if not has_rows(session, row.name):
            session.delete(row)


def has_rows(session: Session, name: str) -> bool:
    """Return whether a tenant has jobs, batches, presets, former states, keys, webhooks, costs or used pictures."""
    tables = (JobRow, BatchRow, PresetRow, PresetVersionRow, KeyRow, DeliveryRow, UsageRow, StyleUseRow)
    found = (exists().where(table.tenant == name) for table in tables)
    return bool(session.scalar(select(or_(*found))))
