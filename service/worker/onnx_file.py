"""The ONNX file of a preset's painter, from its weights."""

from __future__ import annotations

from service.errors import JobFailed
from service.jobs.tasks import OnnxTask
from service.painters.graph import onnx_file
from service.painters.weights import PainterWeights
from service.pictures.images import digest
from service.storage.pictures import StoredFile
from service.storage.records import TaskResult
from service.storage.unsaved import try_to_delete
from service.styles.preset_painters import PresetPainters
from service.worker.engine_job import EngineRun

LICENCE = "as the style's pictures"


class OnnxRun(EngineRun):
    """ONNX file: make that of a painter that came with a pack, which brings the weights alone."""

    def work(self) -> None:
        task = OnnxTask.from_json(self.claim.request)
        data = preset_onnx(PainterWeights.from_bytes(self.read(task.painter)), task.preset)
        folder = task.painter.blob.rpartition("/")[0]
        model = StoredFile(f"{folder}/painter-{self.claim.id}-{self.claim.fence}.onnx", digest(data))
        self.blobs.put(model.blob, data)
        painters = PresetPainters(self.leases.database, self.blobs)
        if not painters.add_model(task.version, task.painter, model, len(data)):
            try_to_delete(self.blobs, model.blob)
            raise JobFailed("the preset was replaced or deleted meanwhile")
        self.leases.succeed(self.claim, TaskResult())


def preset_onnx(weights: PainterWeights, preset: str) -> bytes:
    """Return a painter as an ONNX file that names its preset."""
    return onnx_file(weights, {"nst.preset": preset, "nst.licence": LICENCE})
