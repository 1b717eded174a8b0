"""The bytes that the result of a job may take.

They count for its caller until the job ends; then the bytes that it has really taken count.
"""

from __future__ import annotations

from service.jobs.request import Painting, TransferRequest
from service.jobs.tasks import LearnTask
from service.pictures.images import fitted_size

FILE = 4096  # bytes of a file beside its pixels
PNG = 3.0  # bytes of a pixel: compression may win nothing
JPEG = ((75, 1.3), (90, 1.9), (100, 4.2))  # quality, and bytes of a pixel up to it: those of noise
WEBP = 1.2  # at any quality
ALPHA = 1.0  # more bytes of a pixel where the alpha is kept
CELL = 160_000  # bytes of a picture on a contact sheet: of at most 332 x 389 pixels there
PAINTER_FILES = 5 * 2**20  # bytes of them


def planned_bytes(request: object) -> int:
    """Return the bytes that the result's files take at most, or nearly so; 0 where none are kept."""
    if isinstance(request, LearnTask):
        return PAINTER_FILES
    if not isinstance(request, TransferRequest) or not request.content.width:  # it couldn't be read
        return 0
    width, height = fitted_size(request.content.width, request.content.height, request.size)
    pictures = sum(FILE + width * height * _of_pixel(painting) for painting in request.paintings)
    sheet = FILE + (len(request.variants) + 1) * CELL if request.variants else 0
    return round(pictures + sheet)


def _of_pixel(painting: Painting) -> float:
    options = painting.options
    alpha = ALPHA if options.alpha == "keep" else 0.0
    if options.format == "jpeg":
        return next(found for quality, found in JPEG if options.quality <= quality)
    return (PNG if options.format == "png" else WEBP) + alpha
