"""A checked body -> the request that the job's row holds, its pictures written to the blobs."""

from __future__ import annotations

from dataclasses import asdict

from service.api.parts import Parts
from service.api.schemas import StyleEntry, TransferBody
from service.engine.options import TransferOptions
from service.errors import FieldError, InvalidInput, NotFound
from service.images import ImageFile
from service.jobs.fit import check_fit
from service.jobs.request import StoredStyle, TransferRequest, job_blob
from service.sizes import HasSize, content_size_errors, style_size_errors
from service.storage.pictures import StoredImage, StoredStyleImage


def take_in(id: str, body: TransferBody, parts: Parts) -> TransferRequest:
    """Checks what only pictures, presets and workers can tell, then stores the pictures as files of job `id`.

    Raises:
        InvalidInput: naming the fields.
    """
    options = body.options()
    presets = [_preset_images(i, entry, parts) for i, entry in enumerate(body.styles)]
    errors = _size_errors(body, presets, options)
    if errors:
        raise InvalidInput(errors)
    pictures = _own_pictures(body)
    stored = {name: _stored(job_blob(id, name), picture) for name, picture in pictures.items()}
    request = TransferRequest(
        content=stored["content"],
        styles=tuple(
            _style(entry, saved, stored.get(f"style-{i}"))
            for i, (entry, saved) in enumerate(zip(body.styles, presets, strict=True))
        ),
        options=options,
        first=stored.get("first"),
    )
    if body.callback_url is not None:
        parts.hosts.check_url(body.callback_url)
    check_fit(request, parts.roll.rooms())
    for name, picture in pictures.items():
        parts.blobs.put(stored[name].blob, picture.data)
    return request


def _own_pictures(body: TransferBody) -> dict[str, ImageFile]:
    """The pictures that came with the body, each under a name of its own."""
    pictures: dict[str, object] = {"content": body.content, "first": body.init}
    pictures |= {f"style-{i}": entry.image for i, entry in enumerate(body.styles)}
    return {name: picture for name, picture in pictures.items() if isinstance(picture, ImageFile)}


def _preset_images(index: int, entry: StyleEntry, parts: Parts) -> tuple[StoredStyleImage, ...]:
    """The images of an entry's preset, as it is now; none for an entry with an image of its own."""
    if entry.preset is None:
        return ()
    try:
        row = parts.presets.get(entry.preset)
    except NotFound as error:
        raise InvalidInput.field(f"styles.{index}.preset", error.detail) from error
    return tuple(StoredStyleImage(**image) for image in row.images)


def _style(entry: StyleEntry, saved: tuple[StoredStyleImage, ...], own: StoredImage | None) -> StoredStyle:
    if own is not None:
        saved = (StoredStyleImage(**asdict(own), weight=1.0, scale=1.0),)
    return StoredStyle(entry.preset, entry.weight, entry.scale, saved)


def _stored(blob: str, image: ImageFile) -> StoredImage:
    return StoredImage(blob, image.sha256, image.width, image.height)


def _size_errors(
    body: TransferBody, presets: list[tuple[StoredStyleImage, ...]], options: TransferOptions
) -> list[FieldError]:
    errors = content_size_errors(body.content, options.size)
    for i, (entry, saved) in enumerate(zip(body.styles, presets, strict=True)):
        pictures: list[tuple[HasSize, float]] = [(image, entry.scale * image.scale) for image in saved]
        if entry.image is not None:
            pictures = [(entry.image, entry.scale)]
        errors += style_size_errors(f"styles.{i}.scale", pictures, options.size)
    return errors
