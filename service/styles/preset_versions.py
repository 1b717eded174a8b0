"""Former states of presets: what was replaced or deleted can be had back until its retention is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.storage.database import Database, advisory_lock, now, read_clock
from service.storage.left import leave
from service.storage.preset_schema import PresetRow, PresetState, PresetVersionRow
from service.storage.retention import unless_expired
from service.storage.schema import DEFAULT_TENANT
from service.storage.stored_files import digests_of
from service.storage.style_uses import note_uses
from service.storage.tenancy import check_tenant
from service.storage.tenant_amounts import SUBMIT_LOCK, amounts_of, check_presets
from service.storage.tenant_limits import NO_LIMITS, TenantLimits, limits_in_force
from service.styles.preset_checks import CheckState, check_none
from service.styles.preset_files import left_of
from service.styles.preset_tasks import CancelJobs, cancel_none, tasks_of

LOCK = "presets"  # of transactions that add, rename, replace or delete presets: they look up names that may change
KEPT = 50  # former states of a name that are kept at most, and as many shared ones
KEPT_IN_ALL = 1000  # of a tenant, under all names; likewise
STATE = tuple(PresetState.__annotations__)  # columns that both rows have

Reason = Literal["replaced", "deleted"]


def keep_state(session: Session, row: PresetRow, reason: Reason) -> None:
    """Keep the state of a preset, in the transaction that replaces or deletes it, which has the SUBMIT_LOCK.

    The oldest go where there are too many: of those that were shared for a shared one, and of the others for another
    one, since only operators may let go what all tenants used.
    """
    state = {column: getattr(row, column) for column in STATE}
    clock = read_clock(session)
    session.add(PresetVersionRow(tenant=row.tenant, name=row.name, ended_at=clock, reason=reason, **state))
    session.flush()
    version = PresetVersionRow.version
    is_alike = PresetVersionRow.shared.is_(row.shared)
    of_name = _newest_first(row.tenant, row.name).where(is_alike)
    gone = [*session.scalars(of_name.with_only_columns(version).offset(KEPT))]
    others = (PresetVersionRow.tenant == row.tenant, is_alike, version.not_in(gone))
    if (excess := (session.scalar(select(func.count()).where(*others)) or 0) - KEPT_IN_ALL) > 0:
        oldest = select(version).where(*others).order_by(PresetVersionRow.ended_at, version)
        gone += session.scalars(oldest.limit(excess))
    free = select(PresetVersionRow).where(version.in_(gone)).with_for_update(skip_locked=True)
    _let_go(session, session.scalars(free).all())


def has_expired(retention_s: float) -> ColumnElement[bool]:
    """Return the condition that a former state ended more than `retention_s` seconds ago."""
    return PresetVersionRow.ended_at < now() - retention_s


def is_kept(retention_s: float) -> ColumnElement[bool]:
    """Return the condition that callers still see a former state."""
    return unless_expired(has_expired(retention_s), retention_s)


def forget_expired(database: Database, retention_s: float) -> None:
    """Remove the former states that ended more than `retention_s` seconds ago; their files may be swept up."""
    expired = select(PresetVersionRow).where(has_expired(retention_s))
    with database.reading() as session:
        if session.scalar(expired.limit(1)) is None:
            return
    with database.writing() as session:
        _let_go(session, session.scalars(expired.with_for_update(skip_locked=True)).all())


class PresetVersions:
    """The former states of a tenant's presets, each for `retention_s` seconds after it was replaced or deleted.

    `cancel` ends the tasks of presets that are replaced or go. `limits` are those of tenants without own values.
    `since` is as in `check_tenant`.
    """

    def __init__(
        self,
        database: Database,
        retention_s: float,
        cancel: CancelJobs = cancel_none,
        tenant: str = DEFAULT_TENANT,
        limits: TenantLimits = NO_LIMITS,
        *,
        since: float | None = None,
    ) -> None:
        self._database = database
        self._retention_s = retention_s
        self._cancel = cancel
        self._tenant = tenant
        self._limits = limits
        self._since = since

    def of(self, tenant: str, since: float | None = None) -> PresetVersions:
        """Return the former states of another tenant's presets."""
        terms = self._retention_s, self._cancel
        return PresetVersions(self._database, *terms, tenant, self._limits, since=since)

    def former(self, name: str) -> Sequence[PresetVersionRow]:
        """Return the former states of a name, newest first. Raises NotFound if it has none and isn't a preset's."""
        with self._database.reading() as session:
            rows = session.scalars(self._newest_first(name).where(is_kept(self._retention_s))).all()
            if not rows and session.get(PresetRow, (self._tenant, name)) is None:
                raise NotFound(f"there is no preset {name!r}")
        return rows

    def restore(self, name: str, version: str | None, check: CheckState = check_none) -> PresetRow:
        """Make a former state the current one, which becomes a former one itself if there is one.

        Without a `version` it is the newest one. A state that was shared is shared again. `check` gets both states.

        Raises:
            NotFound: there is no such state, or not any more.
            LimitExceeded: the name is free, and one more preset would be too many.
            Unauthorized: the tenant was removed meanwhile.
        """
        with self._database.writing() as session:
            advisory_lock(session, LOCK)
            advisory_lock(session, SUBMIT_LOCK)  # as in `purge`
            check_tenant(session, self._tenant, self._since)
            row = self._locked(session, name)
            if row is not None:
                check(row)
            wanted = self._newest_first(name).where(is_kept(self._retention_s))
            if version is not None:
                wanted = wanted.where(PresetVersionRow.version == version)
            former = session.scalar(wanted.limit(1).with_for_update())
            if former is None:
                which = "no former version" if version is None else f"no version {version!r}"
                raise NotFound(f"the preset {name!r} has {which} that is still kept")
            check(former)
            if former.owner and (row is None or not row.owner):
                limits = limits_in_force(session, self._tenant, self._limits)
                check_presets(amounts_of(session, self._tenant), limits)
            state = {column: getattr(former, column) for column in STATE}
            session.delete(former)
            session.flush()  # it is no former state any more, so `keep_state` can't let its files go as the oldest's
            if row is None:
                row = PresetRow(tenant=self._tenant, name=name)
            else:
                self._cancel(session, tasks_of(row))
                keep_state(session, row, "replaced")
            for column, value in state.items():
                setattr(row, column, value)
            row.warm = row.learning = row.sample = None
            session.add(row)
        return row

    def purge(self, name: str, check: CheckState = check_none) -> None:
        """Remove a preset and its former states for good, and cancel its tasks.

        `check` gets each of these states. Raises NotFound.
        """
        with self._database.writing() as session:
            advisory_lock(session, LOCK)
            advisory_lock(session, SUBMIT_LOCK)  # a job whose request began before looks whether its files are left
            row = self._locked(session, name)
            rows = [*([row] if row else []), *session.scalars(self._newest_first(name).with_for_update())]
            if not rows:
                raise NotFound(f"there is no preset {name!r}")
            for one in rows:
                check(one)
            if row is not None:
                self._cancel(session, tasks_of(row))
            _let_go(session, rows)

    def _locked(self, session: Session, name: str) -> PresetRow | None:
        return session.get(PresetRow, (self._tenant, name), with_for_update=True)

    def _newest_first(self, name: str) -> Select[PresetVersionRow]:
        return _newest_first(self._tenant, name)


def _newest_first(tenant: str, name: str) -> Select[PresetVersionRow]:
    return (
        select(PresetVersionRow)
        .where(PresetVersionRow.tenant == tenant, PresetVersionRow.name == name)
        .order_by(PresetVersionRow.ended_at.desc(), PresetVersionRow.version)
    )


def _let_go(session: Session, rows: Sequence[PresetRow | PresetVersionRow]) -> None:
    """Remove states, and record that their files may be removed, and which pictures they had."""
    note_uses(session, {(row.tenant, image) for row in rows for image in digests_of(row.images)})
    leave(session, [left for row in rows for left in left_of(row)])
    for row in rows:
        session.delete(row)
