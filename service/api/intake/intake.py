"""Checked bodies -> the requests that jobs' rows hold, their pictures written to the blobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from service.api.auth import caller
from service.api.context import Parts
from service.api.intake.request_pictures import request_pictures
from service.api.intake.variants import Asked, Given, blended, given_in, varied
from service.api.schemas.fields import JobInit
from service.api.schemas.requests import ScoreBody, StyleEntry, TransferBody
from service.decoding import files
from service.errors import DoesNotFit, FieldError, InvalidInput, MissingFile, NotFound
from service.jobs.memory_check import check_memory
from service.jobs.request import Painting, StoredStyle, TransferRequest, job_blob
from service.options import OPTIONS, TransferOptions
from service.pictures.images import ImageFile, UnreadableImage
from service.pictures.sizes import HasSize, content_size_errors, style_size_errors
from service.storage.pictures import StoredFile, StoredImage, StoredStyleImage
from service.storage.readback import read_back
from service.storage.schema import PresetRow

DARK = 0.02  # of white: the lightest place of a mask that counts as black
ASPECT = 0.02  # by how much a mask's aspect may differ from its picture's


@dataclass(frozen=True)
class TakenIn:
    """A request whose pictures are stored, the picture that is to be judged, and the bytes of all of them."""

    request: TransferRequest
    bytes: int
    picture: StoredImage | None = None


def take_in(id: str, body: TransferBody, parts: Parts) -> TakenIn:
    """Checks what only pictures, presets and workers can tell, then stores the pictures as files of job `id`.

    Raises:
        InvalidInput: naming the fields.
        NoSpace: they are too much for the caller's share.
    """
    intake = _Intake(id, body.content, body.size, parts)
    given = given_in(body)
    if body.callback_url is not None:
        parts.hosts.check_url(body.callback_url)
    named: dict[str, str] = {}
    if body.blend:
        intake.check_presets({"blend.from": body.blend.start, "blend.to": body.blend.to})
        walk = blended(body.blend, given)
        named = {
            f"variants.{k}.styles.{i}.scale": loc for k, step in enumerate(walk) for i, loc in enumerate(step.entries)
        }
        variants = [intake.painting(step) for step in walk]
        base = replace(variants[0], label="")
    else:
        base = intake.painting(Asked("", "", given), base=bool(body.variants))
        variants = [intake.painting(asked) for asked in varied(body, given)]
    request = TransferRequest(intake.image(body.content), base, tuple(variants))
    return TakenIn(request, intake.finish(request, named))


def take_in_score(id: str, body: ScoreBody, parts: Parts) -> TakenIn:
    """The same for a picture to be judged, which is given beside."""
    intake = _Intake(id, body.content, body.size, parts)
    painting = intake.painting(Asked("", "", given_in(body)))
    request = TransferRequest(intake.image(body.content), painting)
    picture = intake.image(body.image)
    if errors := _aspect_errors("image", body.image, body.content):
        raise InvalidInput(errors)
    return TakenIn(request, intake.finish(request, {}), picture)


class _Intake:
    """Pictures and presets of one request, each read and stored once."""

    def __init__(self, id: str, content: ImageFile, size: int, parts: Parts) -> None:
        self._id = id
        self._content = content
        self._size = size
        self._parts = parts
        self._files: dict[str, ImageFile] = {}
        self._presets: dict[str, PresetRow] = {}
        self._results: dict[tuple[str, int], ImageFile] = {}
        self._black: dict[str, bool] = {}

    def check_presets(self, named: Mapping[str, str]) -> None:
        """Raises InvalidInput for fields that name a preset that isn't there."""
        for loc, name in named.items():
            self._preset(loc, name)

    def image(self, file: ImageFile) -> StoredImage:
        """An image as the row speaks of it; it will be stored."""
        blob = job_blob(self._id, file.sha256)
        self._files[blob] = file
        return StoredImage(blob, file.sha256, file.width, file.height)

    def painting(self, asked: Asked, *, base: bool = False) -> Painting:
        """One picture, or with `base` what is said for several, which may leave the styles to them.

        Raises InvalidInput.
        """
        given = asked.given
        options = self._options(asked)
        entries: Sequence[StyleEntry] = given.get("styles", ())
        if not entries and not base:
            raise InvalidInput.field(f"{asked.loc}styles", "is required")
        styles = [self._style(asked.of_style(i), entry) for i, entry in enumerate(entries)]
        errors = content_size_errors(self._content, options.size)
        for name in ("protect", "strength_map"):
            errors += _aspect_errors(f"{asked.loc}{name}", given.get(name), self._content)
        for i, (entry, style) in enumerate(zip(entries, styles, strict=True)):
            errors += self._style_errors(asked.of_style(i), entry, style, options)
        if options.init == "style" and styles and not any(style.sized() for style in styles):
            errors.append(FieldError(f"{asked.loc}init", "there is no style image: the presets are packs"))
        if errors:
            raise InvalidInput(errors)
        pictures = {"first": self._first(asked), **{name: given.get(name) for name in ("protect", "strength_map")}}
        stored = {name: self.image(file) for name, file in pictures.items() if isinstance(file, ImageFile)}
        return Painting(tuple(styles), options, label=asked.label, **stored)

    def _first(self, asked: Asked) -> ImageFile | None:
        init = asked.given.get("init")
        if isinstance(init, JobInit):
            with _located(asked.loc):
                return self._result_of(init)
        return init if isinstance(init, ImageFile) else None

    def _result_of(self, asked: JobInit) -> ImageFile:
        """A picture that another transfer made."""
        if (asked.job, asked.variant) in self._results:
            return self._results[asked.job, asked.variant]
        try:
            result = self._parts.queue.get(asked.job, "transfer").result
        except NotFound as error:
            raise InvalidInput.field("init.job", error.detail) from error
        if result is None:
            raise InvalidInput.field("init.job", f"the transfer {asked.job} has no picture (yet)")
        pictures = result.get("variants") or [result]
        if asked.variant >= len(pictures):
            raise InvalidInput.field("init.variant", f"the transfer {asked.job} has {len(pictures)}, from 0")
        try:
            kept = pictures[asked.variant]
            picture = files.check_image(
                read_back(self._parts.blobs, kept["blob"], kept["sha256"]), request_pictures().allowance
            )
        except UnreadableImage as error:
            raise InvalidInput.field("init.job", str(error)) from error
        except MissingFile as error:
            raise InvalidInput.field("init.job", f"the picture of the transfer {asked.job} is gone") from error
        self._results[asked.job, asked.variant] = picture
        return picture

    def _options(self, asked: Asked) -> TransferOptions:
        """Raises InvalidInput for what the types can't say."""
        with _located(asked.loc):
            return TransferOptions.of(**_plain_options(asked.given) | {"size": self._size})

    def _style(self, at: Callable[[str], str], entry: StyleEntry) -> StoredStyle:
        masks = {name: getattr(entry, name) for name in ("mask", "style_mask")}
        stored = {name: self.image(file) for name, file in masks.items() if file is not None}
        if entry.image is not None:
            own = StoredStyleImage(**asdict(self.image(entry.image)), weight=1.0, scale=1.0)
            return StoredStyle(None, entry.weight, entry.scale, (own,), **stored)
        preset = self._preset(at("preset"), str(entry.preset))
        saved = tuple(StoredStyleImage(**image) for image in preset.images)
        pack = StoredFile(preset.pack["blob"], preset.pack["sha256"]) if preset.pack else None
        return StoredStyle(preset.name, entry.weight, entry.scale, saved, pack, **stored)

    def _preset(self, loc: str, name: str) -> PresetRow:
        if name not in self._presets:
            try:
                self._presets[name] = self._parts.presets.get(name)
            except NotFound as error:
                raise InvalidInput.field(loc, error.detail) from error
        return self._presets[name]

    def _style_errors(
        self, at: Callable[[str], str], entry: StyleEntry, style: StoredStyle, options: TransferOptions
    ) -> list[FieldError]:
        sized: list[tuple[HasSize, float]] = [*style.sized()]
        errors = style_size_errors(at("scale"), sized, options.size)
        errors += _aspect_errors(at("mask"), entry.mask, self._content)
        for name in ("mask", "style_mask"):
            errors += self._black_errors(at(name), getattr(entry, name))
        if style.pack is not None:
            errors += self._pack_errors(at("preset"), self._presets[str(entry.preset)].pack or {}, options)
        if entry.style_mask is not None:
            if style.pack is not None or len(style.images) != 1:
                errors.append(FieldError(at("style_mask"), "the style must have exactly one picture"))
            else:
                errors += _aspect_errors(at("style_mask"), entry.style_mask, style.images[0])
        return errors

    def _black_errors(self, loc: str, mask: ImageFile | None) -> list[FieldError]:
        """Whether a style's mask leaves anything of it; each mask is looked at once."""
        if mask is None:
            return []
        if mask.sha256 not in self._black:
            try:
                self._black[mask.sha256] = files.lightest(mask.data, request_pictures().allowance) <= DARK
            except UnreadableImage as error:
                return [FieldError(loc, str(error))]
        black = self._black[mask.sha256]
        return [FieldError(loc, "is black everywhere: nothing of the style would be left")] if black else []

    def _pack_errors(self, loc: str, pack: Mapping[str, Any], options: TransferOptions) -> list[FieldError]:
        """What a style without pictures can't do."""
        errors = []
        if pack["model"] != self._parts.model_sha256():
            errors.append(FieldError(loc, "its Gram matrices are of another model than this service's"))
        if options.color != "style":
            errors.append(FieldError(loc, f"it has no picture to treat for color {options.color!r}"))
        if missing := sorted(set(options.style_layers) - set(pack["layers"])):
            errors.append(FieldError(loc, f"its pack has no Gram matrices of {', '.join(missing)}"))
        return errors

    def finish(self, request: TransferRequest, named: Mapping[str, str]) -> int:
        """Checks the memory that it takes, then stores the pictures; gives their bytes.

        `named`: a field -> its caller's name for it.
        """
        try:
            check_memory(request, self._parts.registry.capacities())
        except DoesNotFit as error:
            said = {named.get(e.loc, e.loc): e.msg for e in error.errors}
            raise DoesNotFit([FieldError(loc, msg) for loc, msg in said.items()]) from error
        size = sum(len(file.data) for file in self._files.values())
        self._parts.queue.check_limits(caller(), size)
        for blob, file in self._files.items():
            self._parts.blobs.put(blob, file.data)
        return size


def _plain_options(given: Given) -> Given:
    options = {name: given[name] for name in OPTIONS if name in given}
    if isinstance(options.get("init"), ImageFile | JobInit):
        options["init"] = "image"
    return options


@contextmanager
def _located(loc: str) -> Iterator[None]:
    """Puts `loc` before the fields that are found wrong."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput([FieldError(loc + e.loc, e.msg) for e in error.errors]) from error


def _aspect_errors(loc: str, mask: HasSize | None, picture: HasSize) -> list[FieldError]:
    """Whether a picture that lies over another one has its shape."""
    if mask is None or abs(mask.width * picture.height / (mask.height * picture.width) - 1) <= ASPECT:
        return []
    shape, other = f"{mask.width} x {mask.height}", f"{picture.width} x {picture.height}"
    return [FieldError(loc, f"is {shape} pixels, which is another shape than the {other} of the picture it is for")]
