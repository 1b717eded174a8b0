"""Presets: styles saved under a name."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from service.decoding import files
from service.decoding.allowance import Allowance
from service.errors import NotFound
from service.pictures.images import ImageFile, digest
from service.pictures.style_image import StyleImage, heaviest
from service.storage.blobs import Blobs
from service.storage.database import Database, advisory_lock, read_clock
from service.storage.preset_schema import PresetRow
from service.storage.quota import check_quota
from service.storage.records import PresetPack, PresetPainter
from service.storage.schema import DEFAULT_TENANT, MarkRow
from service.storage.stored_files import StoredImage, style_image_from_json
from service.storage.tenancy import can_read, check_tenant
from service.storage.tenant_amounts import SUBMIT_LOCK, amounts_of, check_presets, check_stored
from service.storage.tenant_limits import NO_LIMITS, TenantLimits, cap_of_caller, limits_in_force
from service.storage.typed_json import Json
from service.storage.unsaved import remove_unsaved, removed_if_undone
from service.styles import once
from service.styles.likely_names import likely_meant
from service.styles.packs import Pack
from service.styles.preset_checks import CheckState, check_none, locked_preset
from service.styles.preset_files import counted_bytes, pack_key, save_image, thumbnail_key, version_folder
from service.styles.preset_painters import PackedPainter, painter_folder
from service.styles.preset_tasks import CancelJobs, cancel_none, tasks_of
from service.styles.preset_versions import LOCK, keep_state

NEAR = 1000  # names of presets of which one may have been meant

Images = Sequence[StyleImage[ImageFile]]
"""The style images of a preset to be saved."""
Also = Callable[[Session, PresetRow], None]  # what the transaction that saves a preset does at its end


@dataclass(frozen=True)
class _Version:
    """A preset's state whose files are stored: the columns of its row, except name, time, jobs and sample."""

    version: str
    description: str
    images: tuple[StyleImage[StoredImage], ...]
    thumbnail: str
    pack: PresetPack | None
    owner: str
    bytes: int
    painter: PresetPainter | None = None
    options: Json | None = None
    shared: bool = False


class Presets:
    """The saved styles as one tenant sees them: its own, and those that are shared with all tenants.

    It finds its own first under a name, and only those can be changed.

    A new version's files are written before its row, so a row never refers to missing files. What is replaced or
    deleted is kept as a former state (service.styles.preset_versions), which may let go of the oldest one.
    """

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        caller_bytes: float = math.inf,
        cancel: CancelJobs = cancel_none,
        tenant: str = DEFAULT_TENANT,
        *,
        limits: TenantLimits = NO_LIMITS,
        retention_s: float = math.inf,
        since: float | None = None,
    ) -> None:
        """`caller_bytes`: bytes that the files of one caller may take. `cancel` ends tasks of presets that go.

        `limits` are those of tenants without values of their own. Former states are kept for `retention_s` seconds.
        `since` is as in `check_tenant`.
        """
        self._database = database
        self._blobs = blobs
        self._caller_bytes = caller_bytes
        self._cancel = cancel
        self._tenant = tenant
        self._limits = limits
        self._retention_s = retention_s
        self._since = since

    def of(self, tenant: str, since: float | None = None) -> Presets:
        """Return the presets as another tenant sees them."""
        terms = self._caller_bytes, self._cancel, tenant
        kept_s = self._retention_s
        return Presets(self._database, self._blobs, *terms, limits=self._limits, retention_s=kept_s, since=since)

    def put(
        self,
        name: str,
        description: str,
        style_images: Images,
        *,
        also: Also = lambda session, row: None,
        owner: str = "",
        options: Json | None = None,
        shared: bool = False,
        allowance: Allowance | None = None,
        check: CheckState = check_none,
    ) -> tuple[PresetRow, bool]:
        """Save a preset of a caller, replacing one of that name. Return its row, and whether the name is new.

        `options` are those that transfers with it alone begin with. With `shared`, all tenants can use it. What its
        thumbnail takes counts in `allowance`.

        The tasks of the preset before are canceled. `also` is called last in the row's transaction: it submits tasks
        for the preset, and notes them in the row. If it raises, nothing is changed; if the row can't be written, no
        task is submitted either. `check` raises where the caller may not replace the preset that is there then.

        Raises:
            LimitExceeded: it would be too much for one of the tenant's limits.
            NoSpace: the caller's files would take too much.
            Unauthorized: the tenant was removed meanwhile.
        """
        self.check_limits(name, owner, counted_bytes(style.file.data for style in style_images))
        version = uuid.uuid4().hex
        with removed_if_undone(self._blobs, [version_folder(version)]):
            saved = self._save(version, description, style_images, allowance)
            saved = replace(saved, owner=owner, options=options or None, shared=shared)
            return self._replace(name, saved, check, also)

    def put_once(self, mark: str, presets: Iterable[tuple[str, str, Images]]) -> bool:
        """Save shared presets (name, description, images), all or none; return whether it did.

        That is done once in the database's life. If there are presets at the first call, only the mark is written.
        Those that come later stay, also under the same names. `presets` isn't read if nothing is to be saved.
        """
        with self._database.reading() as session:
            are_wanted = once.decided(session, mark)
        if are_wanted is None:
            with self._database.writing() as session:
                are_wanted = once.decide(session, mark)
        if not are_wanted:
            return False
        saved: dict[str, _Version] = {}
        folders: list[str] = []
        with removed_if_undone(self._blobs, folders):
            for name, description, style_images in presets:
                version = uuid.uuid4().hex
                folders.append(version_folder(version))
                saved[name] = replace(self._save(version, description, style_images), shared=True, bytes=0)
            added = self._add(mark, saved)
        remove_unsaved(self._blobs, [version_folder(one.version) for name, one in saved.items() if name not in added])
        return bool(added)

    def _add(self, mark: str, saved: Mapping[str, _Version]) -> set[str]:
        """Add the rows of presets with their mark, unless another process did; return the names that were free."""
        with self._database.writing() as session:
            advisory_lock(session, mark)
            advisory_lock(session, LOCK)
            if once.is_done(session, mark):
                return set()
            made_at = read_clock(session)
            session.add(MarkRow(name=mark, made_at=made_at))
            taken = set(session.scalars(select(PresetRow.name).where(PresetRow.tenant == self._tenant)))
            rows = {
                name: PresetRow(tenant=self._tenant, name=name, created_at=made_at, **vars(one))
                for name, one in saved.items()
                if name not in taken
            }
            session.add_all(rows.values())
        return set(rows)

    def _save(
        self, version: str, description: str, style_images: Images, allowance: Allowance | None = None
    ) -> _Version:
        """Write the files of a new version; return what its row will hold."""
        # this may fail, so it comes before any file is written
        thumbnail = files.thumbnail(heaviest(style_images).file.data, allowance)
        folder = version_folder(version)
        saved = tuple(save_image(self._blobs, f"{folder}/{i}", style) for i, style in enumerate(style_images))
        self._blobs.put(thumbnail_key(version), thumbnail)
        size = counted_bytes([*(style.file.data for style in style_images), thumbnail])
        return _Version(version, description, saved, digest(thumbnail), None, "", size)

    def put_pack(
        self,
        name: str,
        data: bytes,
        pack: Pack,
        *,
        owner: str = "",
        painter: PackedPainter | None = None,
        options: Json | None = None,
        check: CheckState = check_none,
    ) -> tuple[PresetRow, bool]:
        """Save a preset that has the Grams of a pack, whose file is `data`, and no pictures.

        It has the painter that came with the pack, if one did. `options` are those of the pack that it can use.
        Returns and raises as `put`, but files are written before limits are checked: see `check_limits`.
        """
        version = uuid.uuid4().hex
        blob = pack_key(version, pack.model)
        saved = _Version(
            version,
            pack.description,
            images=tuple(style_image_from_json(image) for image in pack.images),
            thumbnail=digest(pack.thumbnail),
            pack=PresetPack(blob, digest(data), pack.model, pack.layers, list(pack.ladder)),
            owner=owner,
            bytes=counted_bytes([data, pack.thumbnail]) + (len(painter.data) if painter else 0),
            painter=painter.stored(version) if painter else None,
            options=options or None,
        )
        with removed_if_undone(self._blobs, [version_folder(version), painter_folder(version)]):
            self._blobs.put(blob, data)
            self._blobs.put(thumbnail_key(version), pack.thumbnail)
            if painter and saved.painter:
                self._blobs.put(saved.painter.blob, painter.data)
            return self._replace(name, saved, check, lambda session, row: None)

    def check_limits(self, name: str, owner: str, size: int) -> None:
        """Raise LimitExceeded or NoSpace if a preset of `size` bytes would be refused, before its files are read."""
        with self._database.reading() as session:
            self._check_limits_in(session, session.get(PresetRow, (self._tenant, name)), owner, size)

    def _check_limits_in(self, session: Session, replaced: PresetRow | None, owner: str, size: int) -> None:
        limits = limits_in_force(session, self._tenant, self._limits)
        cap = cap_of_caller(self._tenant, limits.stored_mb, self._caller_bytes)
        check_quota(session, owner, size, cap, self._retention_s)
        if not limits.on_what_is_there:
            return
        amounts = amounts_of(session, self._tenant)
        if replaced is None or not replaced.owner:  # one that came with the service doesn't count
            check_presets(amounts, limits)
        check_stored(session, amounts, limits, size, self._retention_s)

    def _replace(self, name: str, saved: _Version, check: CheckState, also: Also) -> tuple[PresetRow, bool]:
        with self._database.writing() as session:
            advisory_lock(session, LOCK)
            advisory_lock(session, SUBMIT_LOCK)  # new jobs add bytes too
            check_tenant(session, self._tenant, self._since)
            row = session.get(PresetRow, (self._tenant, name), with_for_update=True)
            self._check_limits_in(session, row, saved.owner, saved.bytes)
            is_new = row is None
            if row is None:
                row = PresetRow(tenant=self._tenant, name=name, created_at=read_clock(session))
                session.add(row)
            else:
                check(row)
                self._cancel(session, tasks_of(row))
                keep_state(session, row, "replaced")
            for column, value in vars(saved).items():
                setattr(row, column, value)
            row.warm = row.learning = row.sample = None
            also(session, row)
        return row, is_new

    def get(self, name: str) -> PresetRow:
        """Return the preset that the tenant finds under this name. Raises NotFound."""
        return self._get(name, can_read(self._tenant))

    def own(self, name: str) -> PresetRow:
        """Return the tenant's own preset of that name, which it can change. Raises NotFound."""
        return self._get(name, PresetRow.tenant == self._tenant)

    def _get(self, name: str, condition: ColumnElement[bool]) -> PresetRow:
        with self._database.reading() as session:
            row = session.scalar(select(PresetRow).where(PresetRow.name == name, condition))
            names = [] if row else session.scalars(select(PresetRow.name).where(condition).limit(NEAR)).all()
        if row is None:
            like = likely_meant(name, names)
            raise NotFound(f"there is no preset {name!r}" + (f"; did you mean {like}?" if like else ""))
        return row

    def page(self, after: str, limit: int) -> list[PresetRow]:
        """Return at most `limit` presets that the tenant finds, by name, those after the name `after`."""
        query = select(PresetRow).where(PresetRow.name > after, can_read(self._tenant))
        query = query.order_by(PresetRow.name).limit(limit)
        with self._database.reading() as session:
            return list(session.scalars(query))

    def delete(self, name: str, check: CheckState = check_none) -> None:
        """Delete a preset and cancel its tasks; its state is kept for its retention. Raises NotFound."""
        with self._database.writing() as session:
            advisory_lock(session, LOCK)
            advisory_lock(session, SUBMIT_LOCK)  # as in `PresetVersions.purge`
            row = locked_preset(session, self._tenant, name, check)
            self._cancel(session, tasks_of(row))
            keep_state(session, row, "deleted")
            session.delete(row)
