"""The bytes that the result of a job may take. They count for its caller until it ends; then what it took does."""

from __future__ import annotations

from service.jobs.request import Painting, TransferRequest
from service.jobs.tasks import LearnTask
from service.pictures.images import fitted_size

FILE = 4096  # bytes of a file beside its pixels
PNG = 3.0  # bytes of a pixel: compression may win nothing
LOSSY = ((75, 0.7), (90, 1.2), (100, 3.0))  # quality, and bytes of a pixel up to it, in a JPEG or WebP of noise
ALPHA = 1.0  # more bytes of a pixel where the alpha is kept
CELL = 160_000  # bytes of a picture on a contact sheet: of at most 332 x 389 pixels there
PAINTER = 5 * 2**20  # bytes of a painter's files


def planned_bytes(request: object) -> int:
    """Return the bytes that the result's files take at most, or nearly so; 0 where none are kept."""
    if isinstance(request, LearnTask):
        return PAINTER
    if not isinstance(request, TransferRequest) or not request.content.width:  # it couldn't be read
        return 0
    width, height = fitted_size(request.content.width, request.content.height, request.size)
    pictures = sum(FILE + width * height * _of_pixel(painting) for painting in request.paintings)
    sheet = FILE + (len(request.variants) + 1) * CELL if request.variants else 0
    return round(pictures + sheet)


def _of_pixel(painting: Painting) -> float:
    options = painting.options
    alpha = ALPHA if options.alpha == "keep" else 0.0
    if options.format == "png":
        return PNG + alpha
    return next(found for quality, found in LOSSY if options.quality <= quality) + alpha
