"""The tables of tenants: what they are, their keys, and what their jobs have cost."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from service.storage.schema import Base
from service.storage.typed_json import Json


class TenantRow(Base):
    """A tenant: presets, jobs and keys belong to it, and other tenants don't see them.

    `removed_at` is when its removal began. The row stays for a while, so that nothing new is added to the tenant,
    and a new tenant of its name isn't taken for it. `limits` has those limits that are its own, as
    service.storage.tenant_limits reads them.
    """

    __tablename__ = "tenants"

    name: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[float]
    removed_at: Mapped[float | None]
    limits: Mapped[Json | None]


class KeyRow(Base):
    """An API key of a tenant. The key itself is nowhere: `digest` is its SHA-256 in hexadecimal.

    `scopes` has words of service.tenants.scopes with a blank between two. `owner` is the caller that it stands for
    where it came in place of another key, else None; see service.tenants.callers. A key counts until `expires_at` or
    `revoked_at`, which is to come where it was replaced and counts for a while yet. `last_used_at` is about a minute
    exact.
    """

    __tablename__ = "api_keys"
    __table_args__ = (Index("api_keys_by_tenant", "tenant", "created_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    name: Mapped[str]
    scopes: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    owner: Mapped[str | None]
    created_at: Mapped[float]
    last_used_at: Mapped[float | None]
    expires_at: Mapped[float | None]
    revoked_at: Mapped[float | None]


class UsageRow(Base):
    """What the jobs of a tenant that ended on a day have cost. It stays when the jobs go. `day` is a date in UTC."""

    __tablename__ = "usage"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    jobs: Mapped[int] = mapped_column(BigInteger)
    megapixel_evaluations: Mapped[float]
    compute_s: Mapped[float]
    bytes_in: Mapped[int] = mapped_column(BigInteger)
    bytes_out: Mapped[int] = mapped_column(BigInteger)


class StyleUseRow(Base):
    """A style picture of a job or preset of a tenant that is gone: its Gram matrices may be cached still.

    `image` is the SHA-256 of its file. The default tenant has no such rows: it is never removed.
    """

    __tablename__ = "style_uses"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    image: Mapped[str] = mapped_column(primary_key=True)
    gone_at: Mapped[float]
