"""Judging: the losses of pictures that painters painted alone."""

from __future__ import annotations

from dataclasses import replace

from service.decoding.decoded import DecodedFiles
from service.errors import StorageError
from service.jobs.judging import Judgement
from service.jobs.memory_check import check_memory, kept_decoded
from service.jobs.request import TransferRequest
from service.jobs.tasks import JudgeTask
from service.storage.records import DonePicture, JobProgress, TaskResult
from service.worker.engine_job import EngineRun
from service.worker.series import joint_cache
from service.worker.transfer import ContentMemo


class JudgeRun(EngineRun):
    """Judging: paint the pictures once more, and have the engine evaluate them. Same request, same bytes.

    It goes on at the first picture whose losses aren't in its checkpoint.
    """

    def work(self) -> None:
        task = JudgeTask.from_json(self.claim.request)
        try:
            found = self._judged(task.request) if self.leases.exists(task.transfer) else None
        except StorageError:  # a transfer that was deleted has lost its files
            if self.leases.exists(task.transfer):
                raise
            found = None
        if found is None:
            self.leases.succeed(self.claim, TaskResult())
        else:
            self.leases.judged(self.claim, task.transfer, found)

    def _judged(self, request: TransferRequest) -> Judgement:
        request.check_options()
        check_memory(request, {self.capacity})
        content, decoded = self.content(request), DecodedFiles(kept_decoded(request, self.capacity))
        memos = ContentMemo()
        done = self.done_before()
        for painting in request.paintings[len(done) :]:
            order = replace(self.order(content, painting, decoded), memo=memos.of(painting.options))
            outcome = self.painted(order, lambda progress: progress)
            done.append(DonePicture(losses=vars(outcome.result.losses), style_cache=outcome.style_cache))
            if len(done) < len(request.paintings):
                self.reporter.begin(done, JobProgress(fraction=round(len(done) / len(request.paintings), 4)))
        losses = [picture.losses or {} for picture in done]
        return Judgement(losses, joint_cache([picture.style_cache or "partial" for picture in done]))
