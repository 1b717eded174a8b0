"""/v1/usage: what the jobs of some days have cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flask_openapi3 import Tag

from service.api.auth import caller
from service.api.context import context
from service.api.description.operations import Operations
from service.api.schemas.parameters import UsageQuery
from service.api.schemas.responses import Problem
from service.api.schemas.usage_responses import UsageReportOut
from service.errors import InvalidInput
from service.jobs.ledger import SUMMED, rounded, totals

MOST_DAYS = 366  # with sums for each

blueprint = Operations(
    "usage",
    __name__,
    url_prefix="/v1/usage",
    abp_tags=[Tag(name="usage", description="What jobs have cost.")],
    abp_responses={"422": Problem},
)


@blueprint.get("", responses={"200": UsageReportOut})
def get_usage(query: UsageQuery) -> dict[str, Any]:
    """Sum what ended jobs have cost

    Of the caller's tenant; for a key of the default tenant with the scope `admin`, of each tenant. Days count in UTC,
    the first and the last included; without them, the last 30 days. Jobs that were deleted count too. With `by=day`
    there are at most 366 days.
    """
    last = query.last or datetime.now(UTC).date()
    first = query.first or last - timedelta(days=29)
    by_day = query.by == "day"
    if first > last:
        raise InvalidInput.field("from", "must not be after `to`")
    if by_day and last - first >= timedelta(days=MOST_DAYS):
        raise InvalidInput.field("from", f"must be at most {MOST_DAYS - 1} days before `to` with by=day")
    tenant = None if caller().is_operator else caller().tenant
    with context().database.reading() as session:
        items = totals(session, tenant, first, last, by_day=by_day)
    sums = rounded({name: sum(item[name] for item in items) for name in SUMMED})
    return {"from": first.isoformat(), "to": last.isoformat(), **sums, "items": items}
