"""A score that the engine computes."""

from __future__ import annotations

from service.decoding.decoded import DecodedFiles
from service.jobs.memory_check import check_memory
from service.jobs.request import ScoreRequest
from service.storage.records import ScoreResult
from service.worker.engine_job import EngineRun


class ScoreRun(EngineRun):
    """Score: the losses of a picture that came with the request."""

    def work(self) -> None:
        request = ScoreRequest.from_json(self.claim.request)
        request.transfer.check_options()
        check_memory(request.transfer, {self.capacity})
        content = self.content(request.transfer)
        order = self.order(content, request.transfer.base, DecodedFiles(0))
        picture = self.picture(request.picture, order.options, order.decoded)
        score = self.stylist.score(order, picture, self.reporter.on_tick, self.claim.meter.count)
        layers = {"content": dict(score.content), "style": dict(score.style)}
        self.leases.succeed(self.claim, ScoreResult(vars(score.losses), layers))
