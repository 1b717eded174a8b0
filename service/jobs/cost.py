"""Cost of jobs in megapixel-evaluations: pixels times evaluations of the objective, over all levels and pictures.

An evaluation computes the losses and their gradient once. It takes nearly all of a transfer's time, and its time
grows with its pixels. So the cost says what a job takes, whatever the machine. Whether the Gram matrices of its style
images are cached isn't known before: they are in no plan, and service.jobs.meter counts those that were computed.
"""

from __future__ import annotations

from service.jobs.request import Painting, ScoreRequest, TransferRequest
from service.network.levels import plan
from service.options import PAINTER
from service.pictures.images import fitted_size
from service.pictures.sizes import levels_that_fit

MEGAPIXEL = 1e6


def planned_cost(request: object) -> float:
    """Return the megapixel-evaluations of a transfer or a score that needs all its iterations; 0 for other kinds."""
    if isinstance(request, ScoreRequest):
        return _pixels(request.transfer) / MEGAPIXEL
    if not isinstance(request, TransferRequest):
        return 0.0
    if not request.content.width:  # it couldn't be read
        return 0.0
    return sum(_evaluated(request, painting) for painting in request.paintings) / MEGAPIXEL


def _evaluated(request: TransferRequest, painting: Painting) -> int:
    """Return pixels times evaluations of one painting; a painter's pass counts as one evaluation."""
    width, height = fitted_size(request.content.width, request.content.height, request.size)
    options, passed, levels = painting.options, 0, painting.options.levels
    if options.method == PAINTER:
        passed, levels = width * height, 1
        if not options.iterations:
            return passed
    sized = [pair for style in painting.styles for pair in style.sized()]
    fitting = levels_that_fit(sized, request.size, levels)
    return passed + sum(level.work for level in plan(width, height, fitting, options.iterations))


def _pixels(request: TransferRequest) -> int:
    width, height = fitted_size(request.content.width, request.content.height, request.size)
    return width * height
