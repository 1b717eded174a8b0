"""Cost of jobs in megapixel-evaluations: pixels times evaluations of the objective, over all levels and pictures.

An evaluation computes the losses and their gradient once. It takes nearly all of a transfer's time, and its time
grows with its pixels. So the cost says what a job takes, whatever the machine. The losses of the delivered picture
count as one more evaluation, as those of a score do. Whether the Gram matrices of its style images are cached isn't
known before: service.jobs.style_cost plans these apart, and service.jobs.meter counts those that were computed.
Warming and packs are there for these alone, so their cost has all of them. A learning begins with all of its own,
takes what time it is given, and is followed by a comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.jobs.request import Painting, ScoreRequest, StoredStyle, TransferRequest
from service.jobs.tasks import CompareTask, JudgeTask, LearnTask, PackTask, WarmTask
from service.network.levels import Level, plan
from service.options import PAINTED_ONCE, PAINTER
from service.pictures.images import fitted_size
from service.pictures.sizes import levels_that_fit
from service.storage.kinds import JUDGE, LEARN, SCORE, TRANSFER
from service.storage.lanes import PAINT
from service.storage.schema import JobRow
from service.storage.typed_json import Json

MEGAPIXEL = 1e6
LEARNING = 20.0  # megapixel-evaluations of a minute's learning on two cores
LEARNINGS = 5  # of a tenant's, the last ones, whose pace goes before LEARNING


def planned_cost(request: object, learning: float = LEARNING) -> float:
    """Return the megapixel-evaluations of a job that needs all its iterations; 0 for ONNX files.

    `learning` are those of a minute's learning.
    """
    match request:
        case TransferRequest():
            found = _evaluated(request, by_engine=request.lane != PAINT)
        case ScoreRequest():
            found = _pixels(request.transfer)
        case WarmTask():
            found = _styles(request.style, request.levels)
        case PackTask():
            found = _styles(request.style, request.sizes)
        case LearnTask():
            comparison = CompareTask(request.style, request.version, request.size)
            styles = _styles(request.style, [*request.sizes.values()]) / MEGAPIXEL
            return request.minutes * learning + styles + planned_cost(comparison)
        case CompareTask():
            return sum(planned_cost(transfer) for transfer in request.transfers)
        case JudgeTask():
            found = _evaluated(request.request, by_engine=True)
        case _:
            return 0.0
    return found / MEGAPIXEL


_TRANSFERS: dict[str, Callable[[Json], TransferRequest]] = {
    TRANSFER: TransferRequest.from_json,
    SCORE: lambda json: ScoreRequest.from_json(json).transfer,
    JUDGE: lambda json: JudgeTask.from_json(json).request,
}
"""Kinds of jobs that evaluate pictures, and that their callers can end -> what reads their transfer."""


def begun_cost(row: JobRow) -> float:
    """Return the megapixel-evaluations that a job takes at least once a worker has begun it.

    It is one evaluation of a picture; 0 for a job that waits, for kinds that their callers can't end, and where the
    request is damaged.
    """
    if row.kind not in _TRANSFERS or row.status != "running":
        return 0.0
    request = _TRANSFERS[row.kind](row.request if isinstance(row.request, dict) else {})
    try:
        return min(row.cost, _pixels(request) / MEGAPIXEL) if _is_read(request) else 0.0
    except (TypeError, ValueError):  # a size that is no number
        return 0.0


def _is_read(request: TransferRequest) -> bool:
    return request.content.width > 0  # else it couldn't be


def learning_cost(session: Session, tenant: str) -> float:
    """Return the megapixel-evaluations of a minute's learning, as the tenant's last learnings took them.

    Their Gram matrices, and their comparisons with the optimiser, take as long for a minute as for an hour.
    """
    mine = (JobRow.tenant == tenant, JobRow.status == "succeeded", JobRow.kind == LEARN)
    last = select(JobRow.request, JobRow.evaluated, JobRow.usage).where(*mine)
    minutes = found = 0.0
    for request, evaluated, usage in session.execute(last.order_by(JobRow.number.desc()).limit(LEARNINGS)):
        minutes += LearnTask.from_json(request or {}).minutes
        of_earlier_version = usage.megapixel_evaluations if usage else 0.0
        found += of_earlier_version if evaluated is None else evaluated
    return found / minutes if minutes and found else LEARNING


def _styles(style: StoredStyle, sizes: Sequence[int]) -> int:
    """Return the pixels of a style's images, each brought to all these sizes of the output."""
    edges = [(image, round(scale * size)) for image, scale in style.sized() if image.width for size in sizes]
    return sum(width * height for width, height in (fitted_size(i.width, i.height, edge) for i, edge in edges))


def _evaluated(request: TransferRequest, *, by_engine: bool) -> int:
    """Return pixels times evaluations of all pictures; each pass of a painter counts as one evaluation.

    The engine evaluates each delivered picture; painters alone leave that to the judging.
    """
    if not _is_read(request):
        return 0
    passes = sum(_passes(painting) for painting in request.paintings)
    if not by_engine:
        return passes * _pixels(request)
    work = sum(level.work for painting in request.paintings for level in levels_of(request, painting))
    return (passes + len(request.paintings)) * _pixels(request) + work


def _passes(painting: Painting) -> int:
    """Return the passes of painters for one picture: one in each style, and two above half of the strength.

    With a strength map it is the most that there may be.
    """
    if painting.options.method != PAINTER:
        return 0
    styles = sum(style.weight > 0 for style in painting.styles)
    return styles * (2 if (painting.options.strength or 0) > PAINTED_ONCE else 1)


def levels_of(request: TransferRequest, painting: Painting) -> list[Level]:
    """Return the levels at which the engine evaluates one painting, coarsest first; after a painter it is one."""
    width, height = fitted_size(request.content.width, request.content.height, request.size)
    sized = [pair for style in painting.styles for pair in style.sized()]
    most = 1 if painting.options.method == PAINTER else painting.options.levels
    return plan(width, height, levels_that_fit(sized, request.size, most), painting.options.iterations)


def _pixels(request: TransferRequest) -> int:
    width, height = fitted_size(request.content.width, request.content.height, request.size)
    return width * height
