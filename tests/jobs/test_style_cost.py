"""What style pictures cost before anybody knows whether their Gram matrices are cached: the limit counts them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from jobs.submitting import REQUEST, RESULT, claimed

from service.errors import LimitExceeded
from service.jobs.batches import Batches, BatchItem
from service.jobs.cost import planned_cost
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import Painting, ScoreRequest, StoredStyle, TransferRequest
from service.jobs.style_cost import style_cost
from service.jobs.tasks import JudgeTask, PackTask, WarmTask
from service.options import PAINTER, TransferOptions
from service.pictures.sizes import LADDER
from service.pictures.style_image import StyleImage
from service.storage.database import Database
from service.storage.stored_files import StoredImage
from service.storage.tenant_amounts import amounts_of
from service.storage.tenant_limits import TenantLimits


def styled(*scales: float, images: int = 1, digest: str = "c", **options: Any) -> TransferRequest:
    """A transfer of 64 x 64 pixels in one level, with an entry of `styles` for each scale."""
    pictures = tuple(StyleImage(StoredImage(f"s{k}", f"s{k}", 64, 32)) for k in range(images))
    styles = tuple(StoredStyle(None, 1.0, scale, pictures) for scale in scales)
    plain: dict[str, Any] = {"size": 64, "iterations": 1, "levels": 1}
    painting = Painting(styles, TransferOptions(**plain | options))
    return TransferRequest(StoredImage("c", digest, 64, 64), painting)


def pixels_of(request: object) -> int:
    return round(style_cost(request) * 1e6)


@pytest.fixture
def nothing_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gram matrices alone count."""
    monkeypatch.setattr("service.jobs.style_cost.READING", math.inf)


@pytest.mark.usefixtures("nothing_read")
def test_what_has_equal_gram_matrices_costs_once() -> None:
    one, pixels = styled(1.0), 64 * 32
    assert pixels_of(one) == pixels_of(styled(1.0, 1.0)) == pixels
    assert pixels_of(styled(1.0, 2.0, images=2)) == 2 * (pixels + 4 * pixels)
    assert pixels_of(styled(1.0, size=128, levels=2, iterations=2)) == 4 * pixels + pixels
    layers = {"style_layers": {"relu1_1": 1.0}}
    others: list[dict[str, Any]] = [{"color": "match"}, {"color": "luminance"}, layers, {"seed": 2}]
    variants = tuple(styled(1.0, **options).base for options in others)
    assert pixels_of(replace(one, variants=(one.base, *variants))) == 4 * pixels
    masked = replace(one.base.styles[0], images=(replace(one.base.styles[0].images[0], mask=StoredImage("m", "m")),))
    assert pixels_of(replace(one, base=replace(one.base, styles=(*one.base.styles, masked)))) == 2 * pixels
    unweighted = replace(one.base.styles[0], weight=0.0)
    assert pixels_of(replace(one, base=replace(one.base, styles=(unweighted,)))) == 0
    painted = styled(1.0, method=PAINTER, iterations=0, levels=3)
    assert pixels_of(painted) == 0
    assert pixels_of(JudgeTask("transfer", painted)) == pixels_of(styled(1.0, method=PAINTER, levels=3)) == pixels
    assert pixels_of(ScoreRequest(styled(1.0, size=128, levels=2), one.content)) == 4 * pixels
    assert pixels_of(WarmTask(one.base.styles[0], (64,))) == pixels_of(REQUEST) == 0


def test_a_file_that_is_read_costs_a_hundredth_of_its_pixels() -> None:
    def large(name: str) -> StoredImage:
        return StoredImage(name, name, 4000, 1000)

    each, small = 4_000_000 // 100, 64 * 16
    style = StoredStyle(None, 1.0, 1.0, (StyleImage(large("s"), mask=large("sm")),), mask=large("m"))
    painting = Painting((style,), TransferOptions(size=64, iterations=1, levels=1), protect=large("p"))
    variants = [painting, replace(painting, strength_map=large("p"), initial_image=large("i"))]
    other_layers = replace(painting.options, style_layers={"relu1_1": 1.0})
    request = TransferRequest(large("c"), painting, (*variants, replace(painting, options=other_layers)))
    assert pixels_of(request) == 6 * each + 2 * small
    two_sizes = replace(style, scale=2.0)
    request = TransferRequest(large("c"), replace(painting, styles=(style, two_sizes)))
    assert pixels_of(request) == (3 + 2 * 2) * each + 5 * small
    painted = TransferOptions(size=64, method=PAINTER, iterations=0)
    assert pixels_of(TransferRequest(large("c"), replace(painting, options=painted))) == 3 * each
    assert pixels_of(ScoreRequest(TransferRequest(large("c"), painting), large("x"))) == 6 * each + small
    assert pixels_of(WarmTask(style, (64,))) == 2 * len(WarmTask(style, (64,)).levels) * each
    assert pixels_of(PackTask(style, "v", "", None)) == 2 * len(LADDER) * each


@pytest.mark.usefixtures("nothing_read")
def test_style_pictures_count_until_their_job_or_batch_ends(database: Database, leases: Leases) -> None:
    def planned() -> float:
        with database.reading() as session:
            return round(amounts_of(session, "default").daily_cost * 1e6)

    def add(batch: str, *requests: TransferRequest) -> None:
        items = [BatchItem(Submission(f"{batch}{k}", request, "o")) for k, request in enumerate(requests)]
        Batches(database, limits).submit(batch, items, None, None)

    work, pixels = 3 * 64 * 64, 64 * 32
    limits = Limits(tenant=TenantLimits(daily_cost=(3 * work + 16 * pixels) / 1e6))
    queue = Queue(database, limits)
    with pytest.raises(LimitExceeded):
        queue.submit(Submission(new_id(), styled(4.0, 4.1), "o"))
    queue.check_limits("o", cost=planned_cost(styled(4.0, 4.1)))
    queue.submit(Submission(new_id(), styled(4.0), "o"))
    assert planned() == work + 16 * pixels
    leases.succeed(claimed(leases), RESULT)
    assert planned() == 0  # they were cached
    add("shared", *(styled(4.0, digest=str(k)) for k in range(3)))
    assert planned() == 3 * work + 16 * pixels
    queue.cancel("shared0")
    assert planned() == 2 * work + 16 * pixels  # another one computes them
    for _ in range(2):
        leases.succeed(claimed(leases), RESULT)
    assert planned() == 0
    add("own", *(styled(1.0, color="match", digest=str(k)) for k in range(3)))
    assert planned() == 3 * (work + pixels)
    queue.cancel("own0")
    assert planned() == 2 * (work + pixels)
    with pytest.raises(LimitExceeded):
        add("large", styled(3.9), styled(4.1))
