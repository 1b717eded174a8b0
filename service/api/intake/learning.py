"""From a checked body to a learning: its sizes and memory, its photographs, its job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from service.api.auth import owner
from service.api.context import context
from service.api.http.access_log import traceparent
from service.api.intake.submit import check_room
from service.api.schemas.preset_requests import Learning
from service.errors import InvalidInput
from service.jobs.memory_check import check_learning_memory
from service.jobs.queue import Submission, new_id
from service.jobs.request import PHOTO, StoredStyle, job_blob, job_folder
from service.jobs.result_bytes import PAINTER_FILES
from service.jobs.tasks import LearnTask
from service.pictures.sizes import HasSize, photo_size_errors, style_size_errors
from service.storage.counted import files_bytes
from service.storage.database import Transaction
from service.storage.preset_schema import PresetRow
from service.storage.stored_files import StoredFile, StoredImage
from service.storage.unsaved import note_unsaved, removed_if_undone


@dataclass(frozen=True)
class NewLearning:
    """A learning whose photographs are stored as files of job `id`; `files` are their sizes in bytes."""

    id: str
    wanted: Learning
    photos: tuple[StoredImage, ...]
    files: list[int]

    def submit(self, session: Transaction, row: PresetRow) -> str:
        """Submit the job that teaches a preset, in the transaction of the preset's row; return its id.

        Raises:
            LimitExceeded: it is too much for one of the tenant's limits.
            QueueFull, TooManyJobs: too many jobs wait already.
            NoSpace: the caller's files take too much.
        """
        pack = StoredFile(row.pack.blob, row.pack.sha256) if row.pack else None
        style = StoredStyle(row.name, 1.0, 1.0, row.images, pack)
        task = LearnTask(style, row.version, self.wanted.size, self.wanted.minutes, self.photos)
        new = Submission(self.id, task, owner(), trace=traceparent(), files=self.files)
        return context().queue.submit_in(session, new).id


@contextmanager
def new_learning(loc: str, images: Sequence[tuple[HasSize, float]], wanted: Learning) -> Iterator[NewLearning]:
    """Check a learning against the preset's pictures, each with its scale, and the workers; store its photographs.

    They are removed if the block fails. `loc` is put before the names of fields in errors.

    Raises:
        InvalidInput: the pictures are too small for the size, or photographs too narrow.
        DoesNotFit: the learning takes more memory than a worker has.
        LimitExceeded, QueueFull, TooManyJobs, NoSpace: the job would be refused.
    """
    size, capacities = f"{loc}size", context().registry.capacities()
    errors = style_size_errors(size, images, wanted.size) + photo_size_errors(loc, wanted.photos, wanted.size)
    if errors:
        raise InvalidInput(errors)
    check_learning_memory(size, images, wanted.size, capacities)
    sizes = [len(photo.data) for photo in wanted.photos]
    total = files_bytes(sizes)
    context().queue.check_limits(owner(), total + PAINTER_FILES)
    check_room(total + PAINTER_FILES)
    id = new_id()
    with removed_if_undone(context().blobs, [job_folder(id)]):
        note_unsaved(context().database, [job_folder(id)], len(wanted.photos))
        stored = []
        for k, photo in enumerate(wanted.photos):
            stored.append(StoredImage(job_blob(id, f"{PHOTO}-{k}"), photo.sha256, photo.width, photo.height))
            context().blobs.put(stored[k].blob, photo.data)
        yield NewLearning(id, wanted, tuple(stored), sizes)
