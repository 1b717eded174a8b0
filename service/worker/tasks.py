"""Tasks about a preset: warming the cache, and packs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from service.decoding import files
from service.errors import DamagedFile, DatabaseError, DoesNotFit, JobFailed
from service.jobs.memory_check import check_style_memory
from service.jobs.request import StoredStyle
from service.jobs.tasks import PackTask, WarmTask
from service.pictures.sizes import LADDER
from service.storage.readback import read_back
from service.storage.records import TaskResult
from service.styles.packs import Pack, image_facts
from service.styles.preset_files import save_pack, thumbnail_key
from service.styles.preset_tasks import named_tasks
from service.worker.engine_job import EngineRun
from service.worker.reporter import Canceled

WANTED_S = 3.0  # seconds between two looks whether a job is still wanted


class PresetRun(EngineRun):
    """Base of jobs about a preset; the Grams that they compute stay in the cache."""

    def grams(self, style: StoredStyle, sizes: Sequence[int]) -> dict[int, Any]:
        return self.stylist.grams([self.style(style)], sizes, self.on_tick)


class NamedRun(PresetRun):
    """Base of jobs that a preset's row names. One that none names any more is canceled: nobody else could end it."""

    def on_tick(self) -> None:
        """Note a step of the job. Raises as every engine job's; Canceled too where no preset names the job."""
        super().on_tick()
        self._check_named()

    @cached_property
    def _check_named(self) -> Callable[[], None]:
        return WantedCheck(self._is_named)

    def _is_named(self) -> bool:
        with self.leases.database.reading() as session:
            return self.claim.id in named_tasks(session)


class WantedCheck:
    """A check that raises Canceled if a job isn't wanted any more; it looks at once, then every WANTED_S seconds."""

    def __init__(self, is_wanted: Callable[[], bool]) -> None:
        self._is_wanted = is_wanted
        self._next = 0.0

    def __call__(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + WANTED_S
        with suppress(DatabaseError):  # the reporter logs it
            if not self._is_wanted():
                raise Canceled


class WarmRun(NamedRun):
    """Warming: the Grams of a preset at all levels of transfers of the given sizes."""

    def work(self) -> None:
        task = WarmTask.from_json(self.claim.request)
        for size in task.sizes:
            check_style_memory("warm", task.style.sized(), size, {self.capacity})
        self.grams(task.style, task.levels)
        self.leases.succeed(self.claim, TaskResult(task.levels))


class PackRun(PresetRun):
    """Pack: a preset's Grams at each size of the ladder, as one file beside its pictures."""

    def work(self) -> None:
        task = PackTask.from_json(self.claim.request)
        sizes = [size for size in task.sizes if self._fits(task.style, size)]
        if not sizes:
            raise JobFailed(
                f"its pictures are too narrow or too large for each size from {LADDER[0]} to {LADDER[-1]}"
            )
        pack = Pack(
            model=self.stylist.info.model,
            description=task.description,
            images=[image_facts(image) for image in task.style.images],
            thumbnail=self._thumbnail(task),
            ladder=self.grams(task.style, sizes),
        )
        save_pack(self.blobs, task.version, pack)
        self.leases.succeed(self.claim, TaskResult(sizes))

    def _thumbnail(self, task: PackTask) -> bytes:
        """Return the preset's thumbnail; it is made anew if the stored one is missing or damaged."""
        try:
            return read_back(self.blobs, thumbnail_key(task.version), task.thumbnail or "")
        except DamagedFile:
            return files.thumbnail(self.read(max(task.style.images, key=lambda image: image.weight).file))

    def _fits(self, style: StoredStyle, size: int) -> bool:
        try:
            check_style_memory("pack", style.sized(), size, {self.capacity})
        except DoesNotFit:
            return False
        return True
