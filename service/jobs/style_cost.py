"""Cost of the pictures of jobs beside the painting, as the limit `daily_cost` plans it: as if nothing were cached.

Each style picture counts as one evaluation of its pixels, in each of its sizes, as service.jobs.meter counts those
whose Gram matrices are computed. What has equal Gram matrices counts once. To read a file counts as an evaluation of
a hundredth of its pixels, for a style picture in each of its sizes. Only the worker knows what is cached, so all this
is no part of a job's `cost`, from which its seconds follow.
"""

from __future__ import annotations

from service.jobs.cost import MEGAPIXEL, levels_of
from service.jobs.meter import READING
from service.jobs.request import Painting, ScoreRequest, StoredStyle, TransferRequest
from service.jobs.tasks import JudgeTask, PackTask, WarmTask
from service.pictures.images import fitted_size
from service.pictures.sizes import LADDER
from service.storage.lanes import PAINT
from service.storage.stored_files import StoredImage

Pixels = dict[tuple[object, ...], float]
"""The pixels that count: of style pictures by what tells their Gram matrices from others (service.styles.gram_keys),
of files that are read by their digests.
"""


def style_cost(request: object) -> float:
    """Return the megapixel-evaluations of the style pictures of a job, and of reading its files, whatever its kind.

    A painter's pass needs no style pictures; the judging that follows it does. Warming and packs have theirs in their
    `cost`, and so has learning, whose reading doesn't count.
    """
    styles = JointStyles()
    return styles.add(request) + styles.shared


class JointStyles:
    """The style pictures and files of some jobs, each of them once."""

    def __init__(self) -> None:
        self._shared: Pixels = {}

    @property
    def shared(self) -> float:
        """The megapixel-evaluations of the pictures that other jobs may need too."""
        return sum(self._shared.values()) / MEGAPIXEL

    def add(self, request: object) -> float:
        """Add a job; return the megapixel-evaluations of what it has to do by itself.

        It reads its files, and computes the style pictures that get the colours of its own content.
        """
        own: Pixels = {}
        match request:
            case TransferRequest() if request.content.width:
                _read(own, request)
                for painting in request.paintings if request.lane != PAINT else ():
                    self._add(own, request, painting, [level.size for level in levels_of(request, painting)])
            case ScoreRequest(TransferRequest() as transfer, picture):
                _read(own, transfer, picture)
                self._add(own, transfer, transfer.base, [transfer.size])
            case WarmTask():
                _read_style(own, request.style, len(request.levels))
            case PackTask():
                _read_style(own, request.style, len(LADDER))
            case JudgeTask():
                _read(own, request.request)
                for painting in request.request.paintings:
                    self._add(own, request.request, painting, [request.request.size])
        return sum(own.values()) / MEGAPIXEL

    def _add(self, own: Pixels, request: TransferRequest, painting: Painting, sizes: list[int]) -> None:
        options = painting.options
        found = own if options.color == "match" else self._shared
        kind = (tuple(sorted(options.style_layers)), options.color == "luminance")
        for style in painting.styles:
            for image, scale in style.sized():
                if not image.width:  # an earlier version's row, or a damaged one
                    continue
                mask = image.mask.sha256 if image.mask else ""
                files = (image.file, image.mask) if image.mask else (image.file,)
                read = sum(file.width * file.height for file in files) / READING
                for size in sizes:
                    width, height = fitted_size(image.width, image.height, round(scale * size))
                    found[image.file.sha256, mask, width, height, kind] = width * height
                    found[image.file.sha256, mask, width, height] = read


def _read_style(own: Pixels, style: StoredStyle, sizes: int) -> None:
    """Add the files of a style, each of them once for each size."""
    for image, _ in style.sized():
        for file in (image.file, image.mask) if image.mask else (image.file,):
            own[file.sha256,] = sizes * file.width * file.height / READING


def _read(own: Pixels, request: TransferRequest, *others: StoredImage) -> None:
    """Add the files that a job has for itself: the content, initial images, masks over the content, and `others`."""
    for painting in request.paintings:
        masks = (painting.protect, painting.strength_map, *(style.mask for style in painting.styles))
        for file in (request.content, painting.initial_image, *masks, *others):
            if file is not None:
                own[file.sha256,] = file.width * file.height / READING
