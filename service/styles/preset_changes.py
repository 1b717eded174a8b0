"""Changes of a saved preset that leave its pictures, and so its Gram matrices and its painter, as they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from service.errors import NameTaken
from service.storage.database import Database, advisory_lock
from service.storage.preset_schema import PresetRow, PresetVersionRow
from service.storage.schema import DEFAULT_TENANT
from service.styles.preset_checks import CheckState, check_none, locked_preset
from service.styles.preset_versions import LOCK


@dataclass(frozen=True)
class PresetChanges:
    """New values of a preset; None leaves what is there."""

    name: str | None = None
    description: str | None = None
    options: Mapping[str, Any] | None = None
    shared: bool | None = None


def change_preset(
    database: Database,
    name: str,
    changes: PresetChanges,
    check: CheckState = check_none,
    tenant: str = DEFAULT_TENANT,
    *,
    moves_shared: bool = True,
) -> PresetRow:
    """Change a preset of a tenant, all or nothing. Under a new name it keeps its jobs, files, painter and versions.

    `check` raises where the caller may not change the preset, or the changes don't suit it. It gets the preset as it
    is when it is changed, which another request may have replaced just before.

    Former states that were shared get the new name only with `moves_shared`. Else they stay where those who may
    restore them look for them: they need not be of this preset, as the name may have been free in between.

    Raises:
        NotFound: there is no such preset.
        NameTaken: another preset has the new name.
    """
    with database.writing() as session:
        advisory_lock(session, LOCK)
        row = locked_preset(session, tenant, name, check)
        if changes.name not in (None, name):
            if session.get(PresetRow, (tenant, changes.name)):
                raise NameTaken(f"there is a preset {changes.name!r} already")
            row.name = str(changes.name)
            former = update(PresetVersionRow).where(PresetVersionRow.tenant == tenant, PresetVersionRow.name == name)
            if not moves_shared:
                former = former.where(PresetVersionRow.shared.is_(False))
            session.execute(former.values(name=changes.name))
        if changes.description is not None:
            row.description = changes.description
        if changes.options is not None:
            row.options = dict(changes.options) or None
        if changes.shared is not None:
            row.shared = changes.shared
    return row


def set_sample(database: Database, version: str, job: str, instead_of: Collection[str | None]) -> None:
    """Have a transfer of its tenant show what a preset's version does, if its sample is one of `instead_of`."""
    with database.writing() as session:
        row = session.scalar(select(PresetRow).where(PresetRow.version == version).with_for_update())
        if row is not None and row.sample in instead_of:
            row.sample = job
