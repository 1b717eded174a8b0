"""The limits of tenants in requests: the rate is checked here, and headers tell what is left.

Limits on what is stored are checked where it is added: service.jobs.limits and service.storage.tenant_amounts. What
any limit refuses, also one that all callers have, is told here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import cast

from flask import Flask, Response, g, request

from service.api.auth import caller
from service.api.context import context
from service.api.http.problems import problem_response
from service.api.http.ratelimit import Quota, add_fields
from service.api.scopes import SCOPES
from service.errors import LimitExceeded, StorageError
from service.jobs.limits import of_caller
from service.machine.memory import MIB
from service.storage.tenant_amounts import DAY_S, Amounts, amounts_of
from service.storage.tenant_limits import TenantLimits, cap_of_caller
from service.telemetry.instruments import limit_refusals
from service.tenants.rates import Left

NOTED_S = 1.0  # seconds; a request may wait for its job

JOBS = ("waiting_jobs", "daily_cost", "stored_mb")
PRESETS = ("presets", "stored_mb")
STREAMS = ("streams",)
CONCERNED = {
    "POST /v1/transfers": JOBS,
    "POST /v1/batches": JOBS,
    "POST /v1/scores": JOBS,
    "POST /v1/estimates": JOBS,
    "PUT /v1/styles/<name>": (*JOBS, "presets"),
    "PUT /v1/styles/<name>/pack": PRESETS,
    "POST /v1/styles/<name>/restore": PRESETS,
    "PUT /v1/styles/<name>/painter": JOBS,
    "GET /v1/styles/<name>/pack": JOBS,
    "GET /v1/styles/<name>/painter/model": JOBS,
    "GET /v1/transfers/<id>/events": STREAMS,
    "GET /v1/batches/<id>/events": STREAMS,
    "GET /v1/styles/<name>/painter/events": STREAMS,
}
"""The limits that concern a route, beside that of requests: method and rule -> names."""
UNITS = {
    "waiting_jobs": "jobs",
    "daily_cost": "megapixel-evaluations",
    "stored_mb": "content-bytes",
    "presets": "presets",
    "streams": "concurrent-requests",
    "batch_pictures": "pictures",
    "long_reads": "concurrent-requests",
    "fetches": "fetches",
}
"""What each limit counts, but that of requests. Those after `streams` all have, and only refusals name them."""


def register(app: Flask) -> None:
    """Check the rate of every request whose caller is known, and tell what is left in the headers of its answer.

    Raises LookupError if CONCERNED names a route that isn't there.
    """
    if unknown := CONCERNED.keys() - SCOPES.keys():
        raise LookupError(f"service/api/limits.py names routes that aren't there: {', '.join(sorted(unknown))}")
    for name in ("requests", *UNITS):
        limit_refusals.labels(name)  # from the first scrape on
    app.before_request(_take_of_rate)
    app.after_request(_add_ratelimit_headers)
    app.register_error_handler(LimitExceeded, _refuse)


def limits() -> TenantLimits:
    """Return the limits of this request's tenant, as this process knows them."""
    return context().known_keys.limits_of(caller().tenant)


def note_amounts(amounts: Amounts) -> None:
    """Note what the tenant has after this request, for its headers and for the first check of the next one."""
    g.noted = amounts, time.monotonic()
    context().recent_amounts.note(amounts)


def check_rate() -> None:
    """Raise LimitExceeded where this request will be refused for its tenant's rate, without counting it yet."""
    if "caller" in g and (found := limits()).requests is not None:
        context().rates.check(caller().tenant, found.requests, found.most_at_once)


def _take_of_rate() -> None:
    if "caller" in g and (found := limits()).requests is not None:
        g.left = context().rates.take(caller().tenant, found.requests, found.most_at_once)


def _refuse(error: LimitExceeded) -> Response:
    limit_refusals.labels(error.limit).inc()
    g.exceeded = error
    return problem_response(error)


def _add_ratelimit_headers(response: Response) -> Response:
    if "caller" in g:
        add_fields(response, list(_quotas(limits(), g.get("exceeded"))))
    return response


def _quotas(found: TenantLimits, exceeded: LimitExceeded | None) -> Iterator[Quota]:
    """Yield the quota of the limit that refused this request, and those of the limits that concern its route."""
    if exceeded:
        yield _of_refusal(found, exceeded)
        if exceeded.limit == "requests":  # nothing is looked up for it
            return
    if found.requests is not None and "left" in g:
        yield _rate(found, found.requests, g.left)
    rule = request.url_rule.rule if request.url_rule else ""
    method = "GET" if request.method == "HEAD" else request.method
    told = exceeded.limit if exceeded else None
    concerned = [name for name in CONCERNED.get(f"{method} {rule}", ()) if name != told]
    names = [name for name in concerned if getattr(found, name) is not None]
    if "streams" in names:
        yield _quota("streams", found.streams or 0, context().streams.open_of(caller().tenant))
    elif names and (amounts := _amounts()):
        yield from [_or_of_caller(_of_database(amounts, name, found)) for name in names]


def _of_refusal(found: TenantLimits, exceeded: LimitExceeded) -> Quota:
    """Return the quota of the limit that refused this request, whose value this process may not know otherwise."""
    if exceeded.limit == "requests":
        rate = exceeded.value
        return _rate(replace(found, requests=rate), rate, Left(0, exceeded.retry_after or 0.0))
    return _quota(exceeded.limit, exceeded.value, exceeded.used, exceeded.retry_after)


def _or_of_caller(quota: Quota) -> Quota:
    """Return a quota, or what the caller itself may have of it (NST_CALLER_…) where that leaves less."""
    settings = context().settings
    caps = {"waiting_jobs": settings.caller_limit, "stored_mb": settings.caller_disk_mb * MIB or math.inf}
    cap = cap_of_caller(caller().tenant, quota.most, caps.get(quota.name, math.inf))
    if cap >= quota.most:  # a caller has no more than its tenant
        return quota
    with suppress(StorageError), context().database.reading() as session:
        jobs, stored = of_caller(session, caller().owner)
        own = quota._replace(most=cap, left=cap - (jobs if quota.name == "waiting_jobs" else stored))
        return min(quota, own, key=lambda one: one.left)
    return quota


def _amounts() -> Amounts | None:
    """Return what the tenant has, as it was noted a moment ago or is counted now; None where it can't be read."""
    amounts, noted_at = cast(tuple[Amounts | None, float], g.get("noted", (None, 0.0)))
    if amounts and time.monotonic() < noted_at + NOTED_S:
        return amounts
    with suppress(StorageError), context().database.reading() as session:  # the answer is there without it
        note_amounts(amounts := amounts_of(session, caller().tenant))
        return amounts
    return None


def _rate(found: TenantLimits, rate: float, left: Left) -> Quota:
    return Quota("requests", found.most_at_once, left.requests, "", found.most_at_once / rate, left.more_in_s)


def _of_database(amounts: Amounts, name: str, found: TenantLimits) -> Quota:
    used = amounts.stored_bytes / MIB if name == "stored_mb" else getattr(amounts, name)
    return _quota(name, getattr(found, name), used, amounts.until_tomorrow if name == "daily_cost" else None)


def _quota(name: str, most: float, used: float, more_in_s: float | None = None) -> Quota:
    """Return the quota of a limit other than that of requests; `most` and `used` are in the limit's own unit."""
    scale = MIB if name == "stored_mb" else 1
    window_s = DAY_S if name == "daily_cost" else None
    return Quota(name, scale * most, scale * (most - used), UNITS[name], window_s, more_in_s)
