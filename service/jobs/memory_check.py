"""Memory check of transfers and learnings: done when they are submitted, and by the worker that claims them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from service.errors import DoesNotFit, FieldError
from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.machine.memory import (
    BASE,
    KEPT_DECODED,
    LEARNING,
    MASK_PER_PIXEL,
    MIB,
    PER_FEATURE,
    PHOTOGRAPHS,
    REGION_PER_PIXEL,
    UNLIMITED,
    Capacity,
    largest_size,
    needed,
    needed_to_paint,
)
from service.network.geometry import features_per_pixel
from service.options import OPTIONS, TransferOptions
from service.pictures.images import fitted_size
from service.pictures.sizes import HasSize, content_size_errors, style_size_errors
from service.storage.lanes import PAINT

LEAST_SIZE = int(OPTIONS["size"].metadata["low"])  # pixels
PASSES = 2  # times the size that a painter learned for, which its largest pass has; see service.painters.shape
ORDINARY = features_per_pixel(TransferOptions().content_layers)  # with which memory.PER_PIXEL was measured


def check_memory(request: TransferRequest, capacities: Collection[Capacity]) -> None:
    """Refuse a transfer that doesn't fit every worker, as any may claim it; without workers nothing is refused.

    Raises:
        DoesNotFit: naming what is too large for the worker with the least memory, and the size that would fit there.
    """
    largest = {capacity: _largest_size(request, capacity) for capacity in capacities}
    if all(size == request.size for size in largest.values()):
        return
    tightest = _tightest(largest)
    raise DoesNotFit(_errors(request, tightest, largest[tightest]))


def check_style_memory(
    loc: str, styles: Sequence[tuple[HasSize, float]], size: int, capacities: Collection[Capacity]
) -> None:
    """Refuse style images, each with its scale, whose Grams for an output of `size` pixels don't fit some worker.

    Raises:
        DoesNotFit: naming `loc`.
    """
    for capacity in capacities:
        amount = needed(0, 0, _brought_to(styles, size), capacity.precision)
        if amount > capacity.limit:
            raise DoesNotFit([FieldError(loc, _too_large(amount, capacity.limit))])


def check_learning_memory(
    loc: str, styles: Sequence[tuple[HasSize, float]], size: int, capacities: Collection[Capacity]
) -> None:
    """Refuse a learning for `size` pixels, from style images with their scales, that doesn't fit every worker.

    Raises:
        DoesNotFit: naming `loc`, and the size that would fit the worker with the least memory.
    """
    largest = {capacity: _largest_learned(styles, size, capacity) for capacity in capacities}
    if all(fitting == size for fitting in largest.values()):
        return
    tightest = _tightest(largest)
    advice = _advice(largest[tightest], lambda size: style_size_errors("", styles, size))
    amount = _needed_to_learn(styles, size, tightest.precision)
    raise DoesNotFit([FieldError(loc, _too_large(amount, tightest.limit, advice))])


def grams_fit(styles: Sequence[tuple[HasSize, float]], size: int, capacity: Capacity) -> bool:
    """Return whether a learning can have the Grams of style images, each with its scale, at `size` pixels."""
    return _grams_to_learn(styles, size) <= capacity.limit


def judging_fits(styles: Sequence[tuple[HasSize, float]], size: int, capacity: Capacity) -> bool:
    """Return whether there is room for a transfer of a square of `size` pixels."""
    return needed(size, size, _brought_to(styles, size), capacity.precision) <= capacity.limit


def _largest_learned(styles: Sequence[tuple[HasSize, float]], size: int, capacity: Capacity) -> int | None:
    return largest_size(
        lambda size: _needed_to_learn(styles, size, capacity.precision), capacity.limit, range(LEAST_SIZE, size + 1)
    )


def _needed_to_learn(styles: Sequence[tuple[HasSize, float]], size: int, precision: str) -> int:
    """Return the bytes that a process takes at its peak: for the Grams at `size` pixels, or for the steps."""
    return max(BASE + LEARNING[precision], _grams_to_learn(styles, size))


def _grams_to_learn(styles: Sequence[tuple[HasSize, float]], size: int) -> int:
    return needed(0, 0, _brought_to(styles, size), "float32", PHOTOGRAPHS)


def check_painting_memory(request: TransferRequest, capacities: Collection[Capacity]) -> int:
    """Refuse a transfer by painters alone that doesn't fit every worker that may claim it.

    Return how many bytes of decoded pictures it may keep.

    Raises:
        DoesNotFit: naming the size.
    """
    limit = min((capacity.limit for capacity in capacities), default=UNLIMITED)
    amount = _needed_to_paint(request, request.size)
    if amount > limit:
        largest = largest_size(
            lambda size: _needed_to_paint(request, size), limit, range(LEAST_SIZE, request.size + 1)
        )
        raise DoesNotFit([FieldError("size", _too_large(amount, limit, _transfer_advice(request, largest)))])
    return min(KEPT_DECODED, limit - amount)


def memory_of(request: TransferRequest, capacities: Collection[Capacity]) -> int:
    """Return the bytes that a worker takes for a transfer at its peak, the largest of these workers' amounts."""
    if request.lane == PAINT:
        return _needed_to_paint(request, request.size)
    precisions = {capacity.precision for capacity in capacities} or {"float32"}
    return max(_needed_to_optimize(request, request.size, precision) for precision in precisions)


def _needed_to_optimize(request: TransferRequest, size: int, precision: str) -> int:
    return max(painting_memory(request, painting, size, precision) for painting in request.paintings)


def _needed_to_paint(request: TransferRequest, size: int) -> int:
    width, height = _output_pixels(request, size)
    beside = max(_masks(painting, width * height) for painting in request.paintings)
    learned = [style.painter.size or size for style in _styles(request) if style.painter]
    return needed_to_paint(width, height, PASSES * max(learned, default=size), beside)


def kept_decoded(request: TransferRequest, capacity: Capacity) -> int:
    """Return how many bytes of decoded pictures a transfer may keep: what the worker has left, up to KEPT_DECODED."""
    amount = _needed_to_optimize(request, request.size, capacity.precision)
    return max(0, min(KEPT_DECODED, capacity.limit - amount))


def _largest_size(request: TransferRequest, capacity: Capacity) -> int | None:
    """Return the largest size, up to the requested one, that fits the capacity."""
    return largest_size(
        lambda size: _needed_to_optimize(request, size, capacity.precision),
        capacity.limit,
        range(LEAST_SIZE, request.size + 1),
    )


def _tightest(largest: Mapping[Capacity, int | None]) -> Capacity:
    """Return the capacity in which the smallest size fits; of equal ones, that with the least memory."""
    return min(largest, key=lambda capacity: (largest[capacity] or 0, capacity.limit))


def _output_pixels(request: TransferRequest, size: int) -> tuple[int, int]:
    return fitted_size(request.content.width, request.content.height, size)


def painting_memory(request: TransferRequest, painting: Painting, size: int, precision: str) -> int:
    """Return the bytes that a process takes at its peak for one picture of a transfer of `size` pixels."""
    width, height = _output_pixels(request, size)
    styles = [pixels for style in painting.styles for pixels in _brought_to(style.sized(), size)]
    return needed(width, height, styles, precision, _beside(painting, width * height))


def _beside(painting: Painting, pixels: int) -> float:
    """Return the bytes for more content layers than usual, and for masks."""
    features = max(0.0, features_per_pixel(painting.options.content_layers) - ORDINARY)
    return pixels * features * PER_FEATURE + _masks(painting, pixels)


def _masks(painting: Painting, pixels: int) -> int:
    """Return the bytes of a painting's masks."""
    regions = {style.mask.sha256 if style.mask else "" for style in painting.styles} - {""}
    masks = [mask for mask in (painting.protect, painting.strength_map) if mask is not None]
    in_own_size = sum(mask.width * mask.height for mask in masks)
    return pixels * REGION_PER_PIXEL * len(regions) + in_own_size * MASK_PER_PIXEL


def _brought_to(styles: Sequence[tuple[HasSize, float]], size: int) -> list[tuple[int, int]]:
    return [fitted_size(image.width, image.height, round(scale * size)) for image, scale in styles]


def _styles(request: TransferRequest) -> list[StoredStyle]:
    return [style for painting in request.paintings for style in painting.styles]


def _errors(request: TransferRequest, capacity: Capacity, largest: int | None) -> list[FieldError]:
    """Return an error for each part that exceeds the capacity by itself: the output, an entry's style images."""
    size = request.size
    width, height = _output_pixels(request, size)
    taken = {"size": 0}
    for k, painting in enumerate(request.paintings):
        prefix = f"variants.{k}." if request.variants else ""
        beside = _beside(painting, width * height)
        taken["size"] = max(taken["size"], needed(width, height, (), capacity.precision, beside))
        for i, style in enumerate(painting.styles):
            pixels = _brought_to(style.sized(), size)
            taken[f"{prefix}styles.{i}.scale"] = needed(0, 0, pixels, capacity.precision, beside if pixels else 0)
    advice = _transfer_advice(request, largest)
    return [
        FieldError(loc, _too_large(amount, capacity.limit, advice))
        for loc, amount in taken.items()
        if amount > capacity.limit
    ]


def _too_large(amount: int, limit: int, advice: str = "") -> str:
    words = f"too large: takes {-(-amount // MIB)} MiB of memory, where a worker has {limit // MIB}"
    return f"{words}; {advice}" if advice else words


def _transfer_advice(request: TransferRequest, size: int | None) -> str:
    styles = [sized for style in _styles(request) for sized in style.sized()]
    return _advice(
        size, lambda size: content_size_errors(request.content, size) or style_size_errors("", styles, size)
    )


def _advice(size: int | None, errors_at: Callable[[int], Sequence[FieldError]]) -> str:
    """Return the advice: the size that would fit, unless its pictures would be too small."""
    return "no size would fit" if size is None or errors_at(size) else f"a size of {size} would fit"
