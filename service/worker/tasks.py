"""Tasks about a preset: warming the cache, and packs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from service.decoding import files
from service.errors import DamagedFile, DoesNotFit, JobFailed
from service.jobs.memory_check import check_style_memory
from service.jobs.request import StoredStyle
from service.jobs.tasks import PackTask, WarmTask
from service.pictures.sizes import LADDER
from service.pictures.style_image import heaviest
from service.storage.readback import read_back
from service.storage.records import TaskResult
from service.styles.packs import Pack, image_facts
from service.styles.preset_files import save_pack, thumbnail_key
from service.styles.preset_painters import PresetPainters
from service.styles.preset_tasks import named_tasks
from service.worker.engine_job import EngineRun, PeriodicCheck
from service.worker.reporter import Canceled

WANTED_S = 3.0  # seconds between two looks whether a job is still wanted


class PresetRun(EngineRun):
    """Base of jobs about a preset; the Grams that they compute stay in the cache."""

    @cached_property
    def painters(self) -> PresetPainters:
        """The painters of presets."""
        return PresetPainters(self.leases.database, self.blobs)

    def grams(self, style: StoredStyle, sizes: Sequence[int]) -> dict[int, Any]:
        return self.stylist.grams([self.style(style)], sizes, self.on_tick)


class WantedRun(PresetRun):
    """Base of jobs that are canceled when nobody needs them any more: nobody else could end them."""

    @abstractmethod
    def is_wanted(self) -> bool:
        """Return whether the job is still needed. Raises DatabaseError."""

    def on_tick(self) -> None:
        """Note a step of the job. Raises as every engine job's; Canceled too where nobody needs it any more."""
        super().on_tick()
        self.check_wanted()

    @cached_property
    def check_wanted(self) -> Callable[[], None]:
        return PeriodicCheck(WANTED_S, lambda: not self.is_wanted(), Canceled)


class NamedRun(WantedRun):
    """Base of jobs that a preset's row names, and that are needed as long as it does."""

    def is_wanted(self) -> bool:
        with self.leases.database.reading() as session:
            return self.claim.id in named_tasks(session)


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
            return files.thumbnail(self.read(heaviest(task.style.images).file))

    def _fits(self, style: StoredStyle, size: int) -> bool:
        try:
            check_style_memory("pack", style.sized(), size, {self.capacity})
        except DoesNotFit:
            return False
        return True
