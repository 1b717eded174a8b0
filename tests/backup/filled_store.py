"""A database and blobs to be backed up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from front_door import png
from jobs.submitting import REQUEST, claimed

from service.backup.data_paths import DataPaths
from service.config import Settings
from service.decoding.files import check_image
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import job_folder
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.stored_files import StoredImage
from service.styles.presets import Presets

WEEK_S = 7 * 86_400.0
PICTURE = check_image(png(np.zeros((20, 20, 3), np.uint8)))


class Store:
    """A database and blobs in a folder, with a preset, a running job and a waiting one."""

    def __init__(self, data: Path) -> None:
        self.places = DataPaths.of(Settings(data=data))
        self.database, self.blobs = Database(Settings(data=data).database), Blobs(Settings(data=data).blob_url)
        self.queue = Queue(self.database, Limits())
        self.presets = Presets(self.database, self.blobs)
        self.save("kept")
        self.ids = [self.submit() for _ in range(2)]
        self.leases = Leases(self.database, 60)
        self.claim = claimed(self.leases)

    def save(self, name: str) -> None:
        self.presets.put(name, "", [StyleImage(PICTURE)])

    def submit(self) -> str:
        id = new_id()
        key = f"{job_folder(id)}/content"
        self.blobs.put(key, id.encode())
        request = type(REQUEST)(StoredImage(key, "c", 8, 8), REQUEST.base)
        self.queue.submit(Submission(id, request))
        return id


def blobs_in(places: DataPaths) -> set[str]:
    return {str(path.relative_to(places.blobs)) for path in places.blobs.rglob("*") if path.is_file()}


def is_untouched(places: DataPaths) -> bool:
    return not places.database.exists() and not blobs_in(places)
