"""The ONNX file of a preset's painter, from its weights."""

from __future__ import annotations

from functools import partial

from service.jobs.leases import LeaseLost
from service.jobs.tasks import OnnxTask
from service.painters.graph import onnx_file
from service.painters.weights import PainterWeights
from service.pictures.images import digest
from service.storage.blob_folders import folder_of
from service.storage.records import TaskResult
from service.storage.stored_files import StoredFile
from service.storage.unsaved import try_to_delete
from service.worker.left_behind import left_behind
from service.worker.tasks import PresetRun

LICENCE = "as the style's pictures"


class OnnxRun(PresetRun):
    """ONNX file: make that of a painter that came with a pack, which brings the weights alone."""

    def work(self) -> None:
        task = OnnxTask.from_json(self.claim.request)
        if not self.painters.has_model(task.version, task.painter):  # else an attempt before gave it, and was killed
            self._make(task)
        self.leases.succeed(self.claim, TaskResult())

    def _make(self, task: OnnxTask) -> None:
        """Store the file, and enter it in the preset, unless that was replaced or deleted meanwhile.

        Whoever waits for the file finds none then, and is told to ask again.
        """
        data = preset_onnx(PainterWeights.from_bytes(self.read(task.painter)), task.preset)
        folder = folder_of(task.painter.blob)
        own = f"-{self.claim.id}.onnx"  # the ending of this job's files: the folder has others
        for blob in left_behind(self.blobs, folder, self.claim.fence):
            if blob.key.endswith(own):
                self.blobs.delete(blob.key)
        model = StoredFile(f"{folder}/painter-{self.claim.fence}{own}", digest(data))
        self.blobs.put(model.blob, data)
        hold = partial(self.leases.hold, claim=self.claim)
        try:
            is_given = self.painters.add_model(task.version, task.painter, model, len(data), hold)
        except LeaseLost:
            try_to_delete(self.blobs, model.blob)
            raise
        if not is_given:
            try_to_delete(self.blobs, model.blob)


def preset_onnx(weights: PainterWeights, preset: str) -> bytes:
    """Return a painter as an ONNX file that names its preset."""
    return onnx_file(weights, {"nst.preset": preset, "nst.licence": LICENCE})
