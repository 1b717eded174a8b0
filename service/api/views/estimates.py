"""/v1/estimates: what a transfer would cost, and when its turn would come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_openapi3 import Tag

from service.api.auth import caller, owner
from service.api.context import context
from service.api.description.operations import Operations
from service.api.intake.intake import checked
from service.api.intake.submit import check_room
from service.api.schemas.estimate_responses import EstimateOut
from service.api.schemas.requests import TransferBody
from service.api.schemas.responses import Problem
from service.errors import LimitExceeded, NoSpace, ProblemJson, QueueFull
from service.jobs.cost import planned_cost
from service.jobs.memory_check import memory_of
from service.jobs.queue import Submission, new_id, row_of
from service.jobs.request import TransferRequest
from service.jobs.result_bytes import planned_bytes
from service.jobs.style_cost import style_cost

blueprint = Operations(
    "estimates",
    __name__,
    url_prefix="/v1/estimates",
    abp_tags=[Tag(name="estimates", description="What a transfer would take.")],
    abp_responses={"422": Problem},
)

RESPONSES: dict[Any, Any] = {"200": EstimateOut} | dict.fromkeys(("400", "413", "429", "503"), Problem)


@blueprint.post("", responses=RESPONSES)
def estimate_transfer(body: TransferBody) -> dict[str, Any]:
    """Estimate a transfer

    The body is that of a transfer, and is checked as one. Nothing is stored or queued. The answer has the transfer's
    cost, memory and seconds, its place among the jobs that wait, and whether a limit would refuse it now.
    """
    request, reader = checked(new_id(), body, context())
    cost, styles = planned_cost(request), style_cost(request)
    seconds, place = context().line.estimate(owner(), body.priority, request.lane, cost, caller().tenant)
    pictures = planned_bytes(request)
    refusal = _refusal(_counted(request, reader.sizes, body), cost + styles)
    return {
        "cost": round(cost, 3),
        "style_cost": round(styles, 3),
        "seconds": None if seconds is None else round(seconds, 2),
        "memory_bytes": memory_of(request, context().registry.capacities()),
        "bytes_out": pictures,
        "queue": place.to_json(),
        "allowed": refusal is None,
        "refusal": refusal,
    }


def _counted(request: TransferRequest, files: Sequence[int], body: TransferBody) -> int:
    """Return the bytes that the transfer would count for limits."""
    deliver = body.deliver.model_dump() if body.deliver else None
    new = Submission("", request, callback_url=body.callback_url, deliver=deliver, files=files)
    return row_of(new, caller().tenant, clock=0.0, styles=0.0).bytes


def _refusal(size: int, cost: float) -> ProblemJson | None:
    """Return the problem that a transfer of so many bytes and this cost would get now; None if it would be taken."""
    try:
        context().queue.check_limits(owner(), size, cost)
        check_room(size)
    except (LimitExceeded, QueueFull, NoSpace) as error:
        return error.problem()
    return None
