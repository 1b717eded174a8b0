"""The reader of a request: its pictures, presets and options, checked, as the job's row holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any

from service.api.auth import owner
from service.api.context import AppContext
from service.api.intake.checks import aspect_errors, pack_errors, painter_errors
from service.api.intake.preset_options import sole_preset, unusable_with
from service.api.intake.request_pictures import request_pictures
from service.api.intake.variants import (
    RequestedOptions,
    RequestedPainting,
)
from service.api.schemas.fields import JobInit
from service.api.schemas.requests import StyleEntry
from service.decoding import files
from service.errors import DoesNotFit, FieldError, InvalidInput, MissingFile, NotFound
from service.jobs.memory_check import check_memory, check_painting_memory
from service.jobs.request import Painting, StoredStyle, TransferRequest, job_blob, job_folder
from service.options import DEFAULTS, OPTIONS, PAINTER, TransferOptions, begun_with
from service.pictures.images import ImageFile, UnreadableImage
from service.pictures.sizes import HasSize, content_size_errors, style_size_errors
from service.pictures.style_image import StyleImage
from service.storage.counted import files_bytes
from service.storage.kinds import TRANSFER
from service.storage.lanes import PAINT, Lane
from service.storage.preset_schema import PresetRow
from service.storage.readback import BlobFile
from service.storage.stored_files import StoredFile, StoredImage, StoredPainter
from service.storage.unsaved import note_unsaved

DARK = 0.02  # of 1: a mask that counts nowhere more is refused as black


class RequestReader:
    """A reader of one request: each of its pictures and presets is read and stored once."""

    def __init__(self, id: str, common: RequestedOptions, context: AppContext) -> None:
        """`common`: what the body requests for all of its pictures.

        Raises InvalidInput: it names a preset that doesn't exist.
        """
        self._id = id
        self._context = context
        self._files: dict[str, ImageFile] = {}
        self._presets: dict[str, PresetRow] = {}
        self._results: dict[tuple[str, int], ImageFile] = {}
        self._lightest: dict[str, float] = {}
        self._own = self._options_of_preset(common)
        self._size = begun_with(self._own, _plain_options(common)).get("size", DEFAULTS["size"])

    @cached_property
    def _model(self) -> str:
        """The SHA-256 of the model that the workers compute with."""
        return self._context.model_sha256()

    def image(self, file: ImageFile) -> StoredImage:
        """Return a picture as the job's row refers to it, and remember to store it."""
        blob = job_blob(self._id, file.sha256)
        self._files[blob] = file
        return StoredImage(blob, file.sha256, file.width, file.height, name=file.name)

    def check(self, requested: RequestedPainting, *, base: bool = False) -> TransferOptions:
        """Check a painting as far as no picture of the request matters, which may be unread yet; return its options.

        With `base` it is what the variants have in common: they may have styles of their own.

        Raises InvalidInput.
        """
        options = self._options(requested)
        entries: Sequence[StyleEntry] = requested.options.get("styles", ())
        if not entries and not base:
            raise InvalidInput.field(f"{requested.loc}styles", "is required")
        errors = []
        for i, entry in enumerate(entries):
            errors += self._entry_errors(requested.style_loc(i), entry, options)
        if options.init == "style" and entries and not any(map(self._shows_picture, entries)):
            errors.append(FieldError(f"{requested.loc}init", "there is no style image: the presets are packs"))
        if errors:
            raise InvalidInput(errors)
        return options

    def style_pictures(self, requested: RequestedPainting) -> int:
        """Return how many style pictures a painting has: as many as its presets have, and its own."""
        own = sum(entry.image is not None for entry in requested.options.get("styles", ()))
        return own + sum(len(row.images) for row in self._presets_of(requested))

    def _shows_picture(self, entry: StyleEntry) -> bool:
        """Return whether a style that counts has a picture: a preset that came as a pack has none."""
        return entry.weight > 0 and not (entry.preset and self._presets[entry.preset].pack)

    def _entry_errors(
        self, at: Callable[[str], str], entry: StyleEntry, options: TransferOptions
    ) -> list[FieldError]:
        preset = self._preset(at("preset"), entry.preset) if entry.preset else None
        errors = []
        if preset and preset.pack:
            errors += pack_errors(at("preset"), preset.pack, options, self._model)
        if options.method == PAINTER:
            errors += painter_errors(at, entry, has_painter=bool(preset and preset.painter))
        if entry.style_mask is not None and preset and (preset.pack or len(preset.images) != 1):
            errors.append(FieldError(at("style_mask"), "the style must have exactly one picture"))
        return errors

    def painting(self, requested: RequestedPainting, content: HasSize, *, base: bool = False) -> Painting:
        """Return one painting of a content, checked as `check` does, and with its pictures. Raises InvalidInput."""
        given, options = requested.options, self.check(requested, base=base)
        entries: Sequence[StyleEntry] = given.get("styles", ())
        styles = [self._style(requested.style_loc(i), entry, options.method) for i, entry in enumerate(entries)]
        errors = content_size_errors(content, options.size)
        for name in ("protect", "strength_map"):
            errors += aspect_errors(f"{requested.loc}{name}", given.get(name), content)
            errors += self._mask_errors(f"{requested.loc}{name}", given.get(name))
        for i, (entry, style) in enumerate(zip(entries, styles, strict=True)):
            errors += self._style_errors(requested.style_loc(i), entry, style, options.size, content)
        if errors:
            raise InvalidInput(errors)
        return Painting(
            tuple(styles),
            options,
            protect=self._stored(given.get("protect")),
            strength_map=self._stored(given.get("strength_map")),
            initial_image=self._stored(self._initial_image(requested)),
            label=requested.label,
        )

    def _initial_image(self, requested: RequestedPainting) -> ImageFile | None:
        init = requested.options.get("init")
        if isinstance(init, JobInit):
            with _located(requested.loc):
                return self._result_of(init)
        return init if isinstance(init, ImageFile) else None

    def _result_of(self, init: JobInit) -> ImageFile:
        """Return a picture that another transfer made. Raises InvalidInput if there is none."""
        if (init.job, init.variant) in self._results:
            return self._results[init.job, init.variant]
        try:
            result = self._context.queue.get(init.job, TRANSFER).transfer_result
        except NotFound as error:
            raise InvalidInput.field("init.job", error.detail) from error
        if result is None:
            raise InvalidInput.field("init.job", f"the transfer {init.job} has no picture (yet)")
        if init.variant >= len(result.pictures):
            raise InvalidInput.field(
                "init.variant", f"the transfer {init.job} has {len(result.pictures)} pictures, counted from 0"
            )
        try:
            painted = BlobFile(self._context.blobs, result.pictures[init.variant])
            picture = files.check_image(painted.read(), request_pictures().allowance)
        except UnreadableImage as error:
            raise InvalidInput.field("init.job", str(error)) from error
        except MissingFile as error:
            raise InvalidInput.field("init.job", f"the picture of the transfer {init.job} is gone") from error
        self._results[init.job, init.variant] = picture
        return picture

    def _options(self, requested: RequestedPainting) -> TransferOptions:
        """Return the checked options. Raises InvalidInput."""
        given = self._begun_with(requested)
        with _located(requested.loc):
            return TransferOptions.of(**given | {"size": self._size})

    def _options_of_preset(self, common: RequestedOptions) -> dict[str, Any]:
        """Return the options of the preset that the transfer's own styles consist of; none if they are others."""
        name = sole_preset(common.get("styles", ()))
        return self._preset("styles.0.preset", name).options or {} if name else {}

    def _begun_with(self, requested: RequestedPainting) -> dict[str, Any]:
        """Return the options of a painting, unchecked: its own, over those of the transfer's preset that fit it."""
        packs = [row.pack for row in self._presets_of(requested) if row.pack]
        unfit = {name for pack in packs for name in unusable_with(self._own, pack.layers)}
        usable = {name: value for name, value in self._own.items() if name not in unfit}
        return begun_with(usable, _plain_options(requested.options))

    def _presets_of(self, requested: RequestedPainting) -> list[PresetRow]:
        entries: Sequence[StyleEntry] = requested.options.get("styles", ())
        return [
            self._preset(requested.style_loc(i)("preset"), entry.preset)
            for i, entry in enumerate(entries)
            if entry.preset
        ]

    def _style(self, at: Callable[[str], str], entry: StyleEntry, method: str) -> StoredStyle:
        mask, style_mask = self._stored(entry.mask), self._stored(entry.style_mask)
        if entry.image is not None:
            own = StyleImage(self.image(entry.image), mask=style_mask)
            return StoredStyle(None, entry.weight, entry.scale, (own,), mask=mask)
        preset = self._preset(at("preset"), str(entry.preset))
        saved = tuple(replace(image, mask=style_mask) for image in preset.images)
        pack, painter = preset.pack, preset.painter if method == PAINTER else None
        return StoredStyle(
            preset.name,
            entry.weight,
            entry.scale,
            saved,
            StoredFile(pack.blob, pack.sha256) if pack else None,
            mask,
            StoredPainter(painter.blob, painter.sha256, painter.size) if painter else None,
        )

    def _stored(self, file: ImageFile | None) -> StoredImage | None:
        return None if file is None else self.image(file)

    def _preset(self, loc: str, name: str) -> PresetRow:
        if name not in self._presets:
            try:
                self._presets[name] = self._context.presets.get(name)
            except NotFound as error:
                raise InvalidInput.field(loc, error.detail) from error
        return self._presets[name]

    def _style_errors(
        self, at: Callable[[str], str], entry: StyleEntry, style: StoredStyle, size: int, content: HasSize
    ) -> list[FieldError]:
        sized: list[tuple[HasSize, float]] = [*style.sized()]
        errors = style_size_errors(at("scale"), sized, size)
        errors += aspect_errors(at("mask"), entry.mask, content)
        for name in ("mask", "style_mask"):
            errors += self._mask_errors(at(name), getattr(entry, name), may_be_black=False)
        if entry.style_mask is not None:
            errors += aspect_errors(at("style_mask"), entry.style_mask, style.images[0])
        return errors

    def _mask_errors(self, loc: str, mask: ImageFile | None, *, may_be_black: bool = True) -> list[FieldError]:
        """Return an error if a mask could mean several things, or nothing; each mask is examined once."""
        if mask is None:
            return []
        if mask.sha256 not in self._lightest:
            try:
                self._lightest[mask.sha256] = files.lightest(mask.data, request_pictures().allowance)
            except UnreadableImage as error:
                return [FieldError(loc, str(error))]
        if may_be_black or self._lightest[mask.sha256] > DARK:
            return []
        return [FieldError(loc, "is black or transparent everywhere: nothing of the style would be left")]

    def check_memory(self, request: TransferRequest, named: Mapping[str, str], lane: Lane) -> None:
        """Check the memory that the job needs.

        `named` maps fields to the names that the caller used for them, `lane` is the job's.

        Raises:
            DoesNotFit: the job takes more memory than a worker has.
        """
        try:
            self._check_memory(request, lane)
        except DoesNotFit as error:
            messages = {named.get(e.loc, e.loc): e.msg for e in error.errors}
            raise DoesNotFit([FieldError(loc, msg) for loc, msg in messages.items()]) from error

    def store(self, room: float = 0.0) -> list[int]:
        """Store the pictures; return their sizes in bytes. There was `room` for so many bytes a moment ago.

        Raises:
            LimitExceeded, QueueFull, TooManyJobs, NoSpace: the job would be refused.
        """
        if (size := files_bytes(self.sizes)) > room:
            self._context.queue.check_limits(owner(), size)
        note_unsaved(self._context.database, [job_folder(self._id)], len(self._files))
        for blob, file in self._files.items():
            self._context.blobs.put(blob, file.data)
        return self.sizes

    @property
    def sizes(self) -> list[int]:
        """The sizes of the pictures in bytes."""
        return [len(file.data) for file in self._files.values()]

    def _check_memory(self, request: TransferRequest, lane: Lane) -> None:
        """Raise DoesNotFit if the job takes more memory than a worker has that may claim it."""
        capacities = self._context.registry.capacities()
        if lane == PAINT:
            check_painting_memory(request, capacities | self._context.registry.capacities(PAINT))
        else:
            check_memory(request, capacities)


def _plain_options(given: RequestedOptions) -> RequestedOptions:
    options = {name: given[name] for name in OPTIONS if name in given}
    if isinstance(options.get("init"), ImageFile | JobInit):
        options["init"] = "image"
    return options


@contextmanager
def _located(loc: str) -> Iterator[None]:
    """Put `loc` before the names of fields in InvalidInput from the block."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput([FieldError(loc + e.loc, e.msg) for e in error.errors]) from error
