"""Authentication: which tenant a request is of, and whether its key has the scope that its route takes.

Every route under /v1 asks for a key if there are keys: those of NST_API_KEYS, or in the database.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv6Address, ip_address, ip_network
from typing import cast

from flask import Flask, g, request
from werkzeug.datastructures import Authorization

from service.api.context import context, enter_tenant
from service.api.http.access_log import CALLER, KEY
from service.api.http.paths import is_api
from service.api.scopes import scopes_of
from service.errors import MissingScope, Unauthorized
from service.storage.schema import DEFAULT_TENANT
from service.tenants.callers import caller_with
from service.tenants.keys import Maker, digest_of
from service.tenants.scopes import ADMIN, ALL, WITHOUT_KEYS, Scopes

LOCAL = ip_network("fc00::/7")
SUBSCRIBER = 64  # leading bits of an IPv6 address that are the same for all of a subscriber's
LONGEST_HOST = 64  # characters; more than an address has, and few enough for an index of PostgreSQL
OPERATOR_ONLY = f"takes a key of the tenant {DEFAULT_TENANT} with the scope {ADMIN}"
NO_KEY = "give a key of this service as Authorization: Bearer KEY or X-API-Key: KEY"
NO_KEY_YET = "this service asks for a key, and has none yet: python -m service keys add makes one (or NST_OPEN=on)"


@dataclass(frozen=True)
class Caller:
    """Who sent a request.

    Attributes:
        tenant: whose things it sees.
        owner: its name for scheduling and limits: its tenant, or in the default one its key or address.
        still_counts: tells whether it would still be let in; also in other threads and after the request.
        key_id: of its key in the database; None without one.
        tenant_since: when its tenant was made, as its key knows it; None without one.
    """

    tenant: str
    owner: str
    scopes: Scopes
    still_counts: Callable[[], bool]
    key_id: str | None = None
    tenant_since: float | None = None

    def has_to(self, scopes: Collection[str]) -> None:
        """Raise MissingScope if the caller has none of these scopes."""
        if self.scopes.isdisjoint(scopes):
            raise MissingScope(f"{request.method} {request.path} takes a key with the scope {' or '.join(scopes)}")

    def maker(self) -> Maker:
        """Return the caller as one who makes keys: of all tenants in the default one, else of its own."""
        return Maker(None if self.is_operator else self.tenant, self.scopes, self.key_id)

    @property
    def is_operator(self) -> bool:
        """Whether it may manage all tenants, and what they share."""
        return self.tenant == DEFAULT_TENANT and ADMIN in self.scopes


def authenticate(app: Flask) -> None:
    """Check the key of every request that a route under /v1 answers, whichever blueprint has the route."""
    app.before_request(check_key)


def authorize(app: Flask) -> None:
    """Check that the caller has the scope of the route; register it after what a refused request must count for."""
    app.before_request(check_scope)


def check_key() -> None:
    """Note who sends this request, if its route is under /v1. Raises Unauthorized or Unavailable."""
    if request.url_rule is None or not is_api(request.path):  # without a route it is 404 or 405, key or not
        return
    if request.method == "OPTIONS":  # a browser's preflight request can't have a key
        return
    request.environ[CALLER] = _address()  # of one that is refused
    g.caller = found = _identify()
    request.environ[CALLER], request.environ[KEY] = found.owner, found.key_id
    enter_tenant(found.tenant, found.tenant_since)


def check_scope() -> None:
    """Raise MissingScope if the caller lacks the scope of the route."""
    if "caller" in g and request.url_rule is not None:
        caller().has_to(scopes_of(request.method, request.url_rule.rule))


def _identify() -> Caller:
    """Return the caller by `Authorization: Bearer <key>` or `X-API-Key: <key>`.

    Raises:
        Unauthorized: a key is asked for, and the request has none that counts.
        Unavailable: the keys can't be read.
    """
    settings, known = context().settings, context().known_keys
    text = sent_key(request.headers.get("Authorization", ""), request.headers.get("X-API-Key", ""))
    sent = text.encode()
    if any([hmac.compare_digest(sent, key.encode()) for key in settings.api_keys]):  # noqa: C419 - takes equally long
        return Caller(DEFAULT_TENANT, caller_with(digest_of(text)), ALL, lambda: True)
    if key := known.find(text):
        counts = partial(known.still_count, key)
        return Caller(key.tenant, key.owner, key.scopes, counts, key.id, key.tenant_since)
    if context().asks_for_key():
        raise Unauthorized(NO_KEY)
    if not settings.may_ask_for_no_key:
        raise Unauthorized(NO_KEY_YET)
    return Caller(DEFAULT_TENANT, _address(), WITHOUT_KEYS, partial(known.still_count, None))


def caller() -> Caller:
    """Return the caller of this request."""
    return cast(Caller, g.caller)


def owner() -> str:
    """Return the name of this request's caller, for scheduling and limits."""
    return caller().owner


def _address() -> str:
    return f"address:{_host(request.remote_addr or '')}"


def _host(address: str) -> str:
    """Return an address without the port that some proxies write after it, as in 203.0.113.7:40000 or [::1]:40000.

    Of an IPv6 address, return its /64 network: a machine has that many addresses to itself, and takes new ones daily.
    In a local network, many machines share one.
    """
    host = address.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    host = host[:LONGEST_HOST]
    try:
        found = ip_address(host)
    except ValueError:  # a name of the proxy's own
        return host
    if not isinstance(found, IPv6Address) or found.is_loopback or found.is_link_local or found in LOCAL:
        return str(found)
    return str(found.ipv4_mapped or ip_network((int(found), SUBSCRIBER), strict=False))


def sent_key(authorization: str, own: str) -> str:
    """Return the key in these values of `Authorization` and `X-API-Key`, either of which may be empty."""
    try:
        found = Authorization.from_header(authorization)
    except ValueError:  # a text of Basic that isn't ASCII
        found = None
    return (found.token if found else None) or own
