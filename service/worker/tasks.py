"""Kinds of jobs other than transfers: scores, warming the cache, packs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.decoding import files
from service.decoding.decoded import DecodedFiles
from service.errors import DamagedFile, DoesNotFit, JobFailed
from service.jobs.memory_check import check_memory, check_style_memory
from service.jobs.request import StoredStyle, TransferRequest
from service.options import TransferOptions
from service.pictures.sizes import levels_that_fit, style_size_errors
from service.storage.pictures import StoredImage
from service.storage.readback import read_back
from service.styles.packs import LADDER, Pack
from service.styles.presets import save_pack, thumbnail_key
from service.worker.job import JobRun

LEVELS = TransferOptions().levels


class ScoreRun(JobRun):
    """Score: the losses of a picture that came with the request."""

    def work(self) -> None:
        request = TransferRequest.from_json(self.claim.request)
        check_memory(request, {self.capacity})
        content = self.content(request)
        order = self.order(content, request.base, DecodedFiles(0))
        picture = self.picture(StoredImage(**self.claim.request["picture"]), order.options, order.decoded)
        score = self.stylist.score(order, picture, self.reporter.on_tick)
        layers = {"content": dict(score.content), "style": dict(score.style)}
        self.leases.succeed(self.claim, {"losses": vars(score.losses), "layers": layers}, {}, None)


class _PresetRun(JobRun):
    """Base of jobs about a preset; the Grams that they compute stay in the cache."""

    def preset(self) -> StoredStyle:
        return StoredStyle.from_json(self.claim.request["style"])

    def grams(self, style: StoredStyle, sizes: Sequence[int]) -> dict[int, Any]:
        return self.stylist.grams([self.style(style)], sizes, self.reporter.on_tick)


class WarmRun(_PresetRun):
    """Warming: the Grams of a preset at all levels of transfers of the given sizes."""

    def work(self) -> None:
        style = self.preset()
        for size in self.claim.request["sizes"]:
            check_style_memory("warm", style.sized(), size, {self.capacity})
        wanted = {
            round(size / 2**k)
            for size in self.claim.request["sizes"]
            for k in range(levels_that_fit(style.sized(), size, LEVELS))
        }
        self.grams(style, sorted(wanted))
        self.leases.succeed(self.claim, {"sizes": sorted(wanted)}, {}, None)


class PackRun(_PresetRun):
    """Pack: a preset's Grams at each size of the ladder, as one file beside its pictures."""

    def work(self) -> None:
        asked, style = self.claim.request, self.preset()
        sizes = [size for size in LADDER if self._fits(style, size)]
        if not sizes:
            raise JobFailed(
                f"its pictures are too narrow or too large for each size from {LADDER[0]} to {LADDER[-1]}"
            )
        shown = [{k: v for k, v in image.items() if k != "blob"} for image in asked["style"]["images"]]
        pack = Pack(
            model=self.stylist.info.model,
            description=asked["description"],
            images=shown,
            thumbnail=self._thumbnail(style),
            ladder=self.grams(style, sizes),
        )
        save_pack(self.blobs, asked["version"], pack)
        self.leases.succeed(self.claim, {"sizes": sizes}, {}, None)

    def _thumbnail(self, style: StoredStyle) -> bytes:
        """Return the preset's thumbnail; it is made anew if the stored one is missing or damaged."""
        asked = self.claim.request
        try:
            return read_back(self.blobs, thumbnail_key(asked["version"]), asked.get("thumbnail") or "")
        except DamagedFile:
            return files.thumbnail(self.read(max(style.images, key=lambda image: image.weight)))

    def _fits(self, style: StoredStyle, size: int) -> bool:
        try:
            check_style_memory("pack", style.sized(), size, {self.capacity})
        except DoesNotFit:
            return False
        return not style_size_errors("", style.sized(), size)
