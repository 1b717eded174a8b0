"""From a checked body to the request that a job's row holds, with its pictures in the blobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from service.api.context import AppContext
from service.api.intake.checks import aspect_errors
from service.api.intake.remote_pictures import fetch_pictures
from service.api.intake.request_reader import RequestReader
from service.api.intake.variants import (
    RequestedOptions,
    RequestedPainting,
    blend_steps,
    requested_options,
    variants_of,
)
from service.api.schemas.requests import (
    MAX_CONTENTS,
    MAX_REQUEST,
    MAX_REQUESTS,
    MAX_STYLE_PICTURES,
    MAX_VARIANTS,
    BatchBody,
    RecipeBody,
    ScoreBody,
    TransferBody,
)
from service.errors import BodyTooLarge, FieldError, InvalidInput
from service.jobs.outbox import INDEX, VARIANT
from service.jobs.request import ScoreRequest, TransferRequest
from service.outbound.hosts import DELIVERIES
from service.storage.json_text import write_json
from service.storage.stored_files import StoredImage

R = TypeVar("R", TransferRequest, ScoreRequest)


@dataclass(frozen=True)
class StoredRequest(Generic[R]):
    """A request whose pictures are stored, and their sizes in bytes."""

    request: R
    files: list[int]


def take_in(id: str, body: TransferBody, context: AppContext, room: float) -> StoredRequest[TransferRequest]:
    """Check a transfer as `checked` does, then store its pictures as files of job `id`.

    There was `room` for so many bytes a moment ago.

    Raises:
        InvalidInput, BodyTooLarge, DoesNotFit: as `checked`.
        LimitExceeded: it is too much for one of the tenant's limits.
        QueueFull, TooManyJobs: too many jobs wait already.
        NoSpace: the pictures are too much for the caller's share of the disk.
    """
    request, reader = checked(id, body, context)
    return StoredRequest(request, reader.store(room))


def checked(id: str, body: TransferBody, context: AppContext) -> tuple[TransferRequest, RequestReader]:
    """Check a transfer against its pictures, presets and the workers. Nothing is stored.

    Raises:
        InvalidInput: fields are wrong; it names them.
        BodyTooLarge: it takes more in its row than a request may.
        TooManyReads, TooManyFetches, Unavailable: too many pictures are being fetched.
        DoesNotFit: the job takes more memory than a worker has.
    """
    check_messages(body, context)
    reader = RequestReader(id, requested_options(body), context)
    check_recipe(body, reader)
    fetch_pictures(body)
    request, named = painted_as(body, reader, reader.image(body.content))
    reader.check_memory(request, named, request.lane)
    return request, reader


def check_messages(body: RecipeBody, context: AppContext) -> None:
    """Raise InvalidInput if a webhook or finished pictures may not go where a body says."""
    if body.callback_url is not None:
        context.webhook_hosts.check_url(body.callback_url)
    if body.deliver is not None:
        url = body.deliver.url.replace(VARIANT, str(MAX_VARIANTS - 1))  # the longest that there may be
        if isinstance(body, BatchBody):
            url = url.replace(INDEX, str(MAX_CONTENTS - 1))
        elif INDEX in url:
            raise InvalidInput.field(DELIVERIES.field, f"must not have {INDEX} in it: that is a place in a batch")
        context.delivery_hosts.check_url(url)


def check_recipe(body: RecipeBody, reader: RequestReader) -> None:
    """Check all of a body that its pictures don't matter for, which may be unread yet. Raises InvalidInput."""
    common = requested_options(body)
    if not body.blend:
        reader.check(_base(common), base=bool(body.variants))
    several = _several(body, common)
    for painting in several:
        reader.check(painting)
    _check_style_pictures(body, [_base(common), *several], reader)
    if body.deliver is not None:
        check_places(body.deliver.url, VARIANT, len(several), "pictures")


def _check_style_pictures(body: RecipeBody, paintings: Sequence[RequestedPainting], reader: RequestReader) -> None:
    """Raise InvalidInput if the paintings have too many style pictures together: presets have up to 16 each."""
    count = sum(map(reader.style_pictures, paintings))
    if count > MAX_STYLE_PICTURES:
        detail = f"have {count} style pictures with those of their presets, and {MAX_STYLE_PICTURES} is the most"
        raise InvalidInput.field(_several_in(body), detail)


def _check_request_size(body: RecipeBody, request: TransferRequest) -> None:
    """Raise BodyTooLarge if the rows of the jobs that a body makes take too much: each holds the whole request."""
    jobs = len(body.contents) if isinstance(body, BatchBody) else 1
    size, most = len(write_json(request.to_json())), min(MAX_REQUEST, MAX_REQUESTS // jobs)
    if size > most:
        loc, contents = _several_in(body), f" with {jobs} contents" if jobs > 1 else ""
        msg = f"take {size:,} bytes with all pictures, masks and file names, and {most:,} is the most{contents}"
        raise BodyTooLarge(f"{loc}: {msg}", [FieldError(loc, msg)])


def _several_in(body: RecipeBody) -> str:
    """Return the field of a body that has the most in it."""
    return next(name for name in ("blend", "variants", "styles") if getattr(body, name))


def painted_as(
    body: RecipeBody, reader: RequestReader, content: StoredImage
) -> tuple[TransferRequest, dict[str, str]]:
    """Return the request that paints a content as a body says, and the fields of the body that a blend fills in.

    Raises InvalidInput, or BodyTooLarge where it takes too much in the rows of all jobs.
    """
    common = requested_options(body)
    several = _several(body, common)
    if body.blend:
        variants = [reader.painting(step, content) for step in several]
        base = replace(variants[0], label="")
    else:
        base = reader.painting(_base(common), content, base=bool(body.variants))
        variants = [reader.painting(variant, content) for variant in several]
    request = TransferRequest(content, base, tuple(variants))
    _check_request_size(body, request)
    return request, _blend_fields(several)


def _base(common: RequestedOptions) -> RequestedPainting:
    """Return the painting that a body requests, or what its variants have in common."""
    return RequestedPainting("", "", common)


def _several(body: RecipeBody, common: RequestedOptions) -> list[RequestedPainting]:
    """Return the variants, or the steps of the blend, that a body requests; none for a single picture."""
    return blend_steps(body.blend, common) if body.blend else variants_of(body, common)


def check_places(url: str, placeholder: str, count: int, of: str) -> None:
    """Raise InvalidInput if files that are delivered to a URL would overwrite each other there."""
    if count > 1 and placeholder not in url:
        raise InvalidInput.field(DELIVERIES.field, f"must have {placeholder} in it: there are {count} {of}")


def _blend_fields(requested: Sequence[RequestedPainting]) -> dict[str, str]:
    """Return the fields that a blend fills in, each with the field of the body that it comes from."""
    return {
        f"variants.{k}.styles.{i}.scale": loc
        for k, painting in enumerate(requested)
        for i, loc in enumerate(painting.entries)
    }


def take_in_score(id: str, body: ScoreBody, context: AppContext, room: float) -> StoredRequest[ScoreRequest]:
    """Check a score's request and store its pictures, as `take_in` does for a transfer; raises as that."""
    reader = RequestReader(id, requested_options(body), context)
    reader.check(_base(requested_options(body)))
    fetch_pictures(body)
    painting = reader.painting(_base(requested_options(body)), body.content)
    request = TransferRequest(reader.image(body.content), painting)
    picture = reader.image(body.image)
    if errors := aspect_errors("image", body.image, body.content):
        raise InvalidInput(errors)
    scored = ScoreRequest(request, picture)
    reader.check_memory(request, {}, scored.lane)
    return StoredRequest(scored, reader.store(room))
