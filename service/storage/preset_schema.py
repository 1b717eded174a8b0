"""The tables of presets and of their former states."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from service.pictures.style_image import StyleImage
from service.storage.records import PresetPack, PresetPainter, Warming
from service.storage.schema import DEFAULT_TENANT, Base
from service.storage.stored_files import StoredImage, style_images_from_json, style_images_to_json
from service.storage.typed_json import Json, Typed, typed


class PresetState:
    """The columns of a preset that its former states have too.

    `version` names the state: its files lie under `styles/<version>/`. A preset that came as a pack has no pictures:
    its `images` have no files, and `pack` names its own. `thumbnail` is the SHA-256 of its thumbnail; None in rows of
    earlier versions. `owner` is the caller who saved it, `bytes` what its files take. `options` are those that
    transfers with it alone begin with. A preset of the default tenant that is `shared` can be read by all tenants.
    `created_at` is when its name was first taken.
    """

    shared: Mapped[bool] = mapped_column(default=False, server_default=false())
    version: Mapped[str]
    description: Mapped[str]
    images: Mapped[tuple[StyleImage[StoredImage], ...]] = mapped_column(
        Typed(style_images_from_json, style_images_to_json, unreadable=())
    )
    pack: Mapped[PresetPack | None] = mapped_column(typed(PresetPack))
    painter: Mapped[PresetPainter | None] = mapped_column(typed(PresetPainter))
    thumbnail: Mapped[str | None]
    options: Mapped[Json | None]
    owner: Mapped[str] = mapped_column(default="", server_default="")
    bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    created_at: Mapped[float]


class PresetRow(PresetState, Base):
    """A saved style. Each tenant has its own names.

    `warm` names the task that computes its Grams beforehand, `learning` its newest learning, whose end sets
    `painter`. `sample` names the first of the transfers with it alone, whose picture shows what the preset does.
    """

    __tablename__ = "presets"
    __table_args__ = (Index("presets_by_owner", "owner", "bytes"),)

    tenant: Mapped[str] = mapped_column(primary_key=True, default=DEFAULT_TENANT, server_default=DEFAULT_TENANT)
    name: Mapped[str] = mapped_column(primary_key=True)
    warm: Mapped[Warming | None] = mapped_column(typed(Warming))
    learning: Mapped[str | None]
    sample: Mapped[str | None]


class PresetVersionRow(PresetState, Base):
    """A former state of its tenant's preset of that name: when and why it ended, "replaced" or "deleted"."""

    __tablename__ = "preset_versions"
    __table_args__ = (
        Index("preset_versions_by_name", "tenant", "name", "ended_at"),
        Index("preset_versions_by_owner", "owner", "bytes"),
    )

    version: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    name: Mapped[str]
    ended_at: Mapped[float]
    reason: Mapped[str]
