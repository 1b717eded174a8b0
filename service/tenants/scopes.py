"""The scopes of API keys: what a request with a key may do. None includes another."""

from __future__ import annotations

from collections.abc import Collection, Iterable

READ = "read"
RUN = "run"
PRESETS = "presets"
ADMIN = "admin"

SCOPES = {
    READ: "see what the tenant has",
    RUN: "submit, cancel and delete transfers and batches; submit scores; ask for estimates; send webhooks again",
    PRESETS: "save, change and delete presets and their painters",
    ADMIN: "manage keys; see usage; in the tenant default also manage tenants and shared presets",
}

Scopes = frozenset[str]

ALL: Scopes = frozenset(SCOPES)
ORDINARY: Scopes = ALL - {ADMIN}
"""What somebody needs who paints and manages nothing."""

WITHOUT_KEYS = ORDINARY
"""What callers may do where no key is asked for. A first key that one of them made would shut the others out."""


def in_order(scopes: Collection[str]) -> list[str]:
    """Return scopes in the order of SCOPES."""
    return [scope for scope in SCOPES if scope in scopes]


def to_text(scopes: Collection[str]) -> str:
    """Return scopes as a row holds them."""
    return " ".join(in_order(scopes))


def from_text(text: str) -> Scopes:
    """Return the scopes of a row; words that this version doesn't know are left out."""
    return frozenset(text.split()) & ALL


def check(scopes: Iterable[str]) -> Scopes:
    """Return scopes that a key can have. Raises ValueError for none, or for an unknown one."""
    found = frozenset(scopes)
    if not found or found - ALL:
        raise ValueError(f"must be one or more of {', '.join(SCOPES)}")
    return found
