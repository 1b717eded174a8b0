"""Protection against pages of other sites where no key is needed: a check of Host and Origin before any view.

A visitor's browser can reach services on the visitor's machine and network; the author of a page can't.
"""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import urlsplit

from flask import Flask, request

from service.api.context import context
from service.authority import DEFAULT_PORTS, Authority, any_matches, parse_authority
from service.config import Settings
from service.errors import Forbidden, Misdirected, Unavailable, shown

SAFE = ("GET", "HEAD", "OPTIONS")  # methods that change nothing; what submits a job all the same asks `check_work`
ANY_HOST = ("/livez", "/readyz")  # they reveal nothing, and load balancers use host names of their own
OWN_PAGE = "same-origin"  # what browsers send for this service's own pages, in Sec-Fetch-Site, which no page can set
BY_USER = "none"  # what they send for what the user does, for example with the address bar

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")  # a request target that names its host


def register(app: Flask) -> None:
    """Check every request, whichever blueprint answers it."""
    app.before_request(check)


def check() -> None:
    """Check Host and Origin of this request where no key is asked for. Raises Misdirected or Forbidden."""
    is_open = request.path in ANY_HOST
    if (is_open and request.method in SAFE) or _asks_for_key():
        return
    if not is_open:
        check_host(_requested_host(), context().settings)
    if request.method not in SAFE:
        check_origin(_requested_host(), context().settings)


def check_work() -> None:
    """Check Origin before a safe request submits a job: a page of another site can send it by an <img>.

    Raises Forbidden, as `check` does for all other requests that submit jobs.
    """
    if not _asks_for_key():
        check_origin(_requested_host(), context().settings)


def _asks_for_key() -> bool:
    """Return whether the API asks for a key, which pages of other sites don't have.

    Where that isn't known, return False: the API asks for one then, and all else is as strict as without keys.
    """
    with suppress(Unavailable):
        return context().asks_for_key()
    return False


def _requested_host() -> Authority | None:
    """Return the host that this request is for; a whole URL as its target overrides Host (RFC 9112, 3.2.2)."""
    absolute = _ABSOLUTE.match(request.environ.get("RAW_URI", ""))
    return parse_authority(absolute[1] if absolute else request.headers.get("Host", ""))


def check_host(here: Authority | None, settings: Settings) -> None:
    """Refuse host names that aren't this service's: another site's name can be made to lead here (DNS rebinding).

    Raises:
        Misdirected: the host is neither loopback nor NST_HOST nor one of NST_HOSTS.
    """
    if here is None:
        raise Misdirected("the request has no Host that can be read")
    if not (here.is_loopback or _is_bound(here, settings.bound) or any_matches(settings.hosts, here)):
        raise Misdirected(f"this service isn't known as {shown(here.host)}: NST_HOSTS doesn't name that host")


def _is_bound(here: Authority, bound: Authority | None) -> bool:
    """Return whether a host is the one that the service listens on.

    If it listens on every address, any address is accepted: a container can't know by which one it is reached, and
    an address can't be made to lead elsewhere as a name can.
    """
    if bound and bound.address and bound.address.is_unspecified:
        return here.address is not None
    return bound is not None and here.host == bound.host


def check_origin(here: Authority | None, settings: Settings) -> None:
    """Refuse requests from pages of other origins; programs send none of these headers, and pass.

    Raises:
        Forbidden: the page is not of this origin, by Sec-Fetch-Site or by host and port, nor of NST_CORS_ORIGINS.
    """
    origin, site = _origin(), request.headers.get("Sec-Fetch-Site", BY_USER)
    if site == OWN_PAGE or origin in settings.cors_origins or "*" in settings.cors_origins:
        return
    if site != BY_USER or (origin is not None and not is_same(origin, here)):
        page = f"pages of {shown(origin)}" if origin else "pages of other sites"
        raise Forbidden(f"{page} may not do this: NST_CORS_ORIGINS doesn't name that origin")


def _origin() -> str | None:
    """Return the origin of the page that sent this request: from Origin or, in older browsers, from Referer."""
    origin, referrer = request.headers.get("Origin"), request.headers.get("Referer")
    if origin is not None or not referrer:
        return origin
    try:
        page = urlsplit(referrer)
    except ValueError:
        return ""  # an origin that can't be read equals none
    return f"{page.scheme}://{page.netloc}"


def is_same(origin: str, here: Authority | None) -> bool:
    """Return whether an origin has the host and port of a request.

    The scheme isn't compared: a proxy may have ended TLS. A Host without a port has the default port of the scheme.
    """
    scheme, _, rest = origin.partition("://")
    default, page = DEFAULT_PORTS.get(scheme.lower()), parse_authority(rest)
    if default is None or page is None or here is None:
        return False
    return page.host == here.host and (page.port or default) == (here.port or default)
