"""Authentication: where NST_API_KEYS is set, every route under /v1 asks for one of its keys."""

from __future__ import annotations

import hashlib
import hmac
from ipaddress import IPv6Address, ip_address, ip_network

from flask import Flask, request

from service.api.context import context
from service.api.http.access_log import CALLER
from service.api.http.paths import is_api
from service.errors import Unauthorized

LOCAL = ip_network("fc00::/7")
SUBSCRIBER = 64  # leading bits of an IPv6 address that are the same for all of a subscriber's


def register(app: Flask) -> None:
    """Check the key of every request that a route under /v1 answers, whichever blueprint has the route."""
    app.before_request(_authenticate)


def _authenticate() -> None:
    if request.url_rule is None or not is_api(request.path):  # without a route it is 404 or 405, key or not
        return
    _check_key()
    request.environ[CALLER] = caller()


def _check_key() -> None:
    """Check `Authorization: Bearer <key>` or `X-API-Key: <key>` of this request. Raises Unauthorized."""
    keys = context().settings.api_keys
    if not keys or request.method == "OPTIONS":  # a browser's preflight request can't have one
        return
    sent = _sent_key().encode()
    if not any([hmac.compare_digest(sent, key.encode()) for key in keys]):  # noqa: C419 - takes equally long
        raise Unauthorized("give a key of this service as Authorization: Bearer … or X-API-Key: …")


def caller() -> str:
    """Return the caller of this request, for scheduling and limits: the digest of its API key, or its address."""
    if context().settings.api_keys:
        return f"key:{hashlib.sha256(_sent_key().encode()).hexdigest()[:16]}"
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
    try:
        found = ip_address(host)
    except ValueError:  # a name of the proxy's own
        return host
    if not isinstance(found, IPv6Address) or found.is_loopback or found.is_link_local or found in LOCAL:
        return str(found)
    return str(found.ipv4_mapped or ip_network((int(found), SUBSCRIBER), strict=False))


def _sent_key() -> str:
    bearer = request.authorization.token if request.authorization else None
    return bearer or request.headers.get("X-API-Key", "")
