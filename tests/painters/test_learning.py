"""Learning: the objective of a batch, steps, and going on from bytes."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from engine.tape import Tape

from scripts.painters.shared import share_convolutions
from service.engine.losses import Objective, StyleTarget
from service.engine.vgg import VGG
from service.options import TransferOptions
from service.painters.learning import MOST_SKIPPED, GradientNotFinite, Learner, Targets, losses
from service.painters.network import Painter
from service.painters.photographs import CROP, MOST_DRAWN, Crops

OPTIONS = TransferOptions()
SIDE = 48


def batches(count: int, seed: int = 0) -> list[torch.Tensor]:
    crops = Crops([], seed)
    return [crops.batch(512)[..., :SIDE, :SIDE] for _ in range(count)]


def learner(encoder: VGG, seed: int = 0) -> Learner:
    torch.manual_seed(seed)
    return Learner(encoder, OPTIONS, [Painter()])


def test_a_batch_of_one_has_the_losses_of_the_optimisers_objective(encoder: VGG, targets: Targets) -> None:
    photograph, painting = batches(2)
    photograph, painting = photograph[:1], painting[:1]
    content = encoder(photograph, OPTIONS.content_layers)
    objective = Objective(encoder, content, [StyleTarget(targets)], OPTIONS)
    expected = objective.losses(painting, painting)
    terms = losses(encoder, photograph, painting, targets, OPTIONS)
    for name, loss in terms.items():
        torch.testing.assert_close(loss, expected[name], rtol=1e-5, atol=1e-7)


def test_a_batch_has_the_style_loss_of_one_gram_over_all_its_pictures(encoder: VGG, targets: Targets) -> None:
    (photographs,) = batches(1)
    grams = {
        layer: torch.stack([f.flatten(1) @ f.flatten(1).t() / f[0].numel() for f in features]).mean(0)
        for layer, features in encoder(photographs, OPTIONS.style_layers).items()
    }
    assert float(losses(encoder, photographs, photographs, grams, OPTIONS)["style"]) < 1e-9
    assert float(losses(encoder, photographs, photographs, targets, OPTIONS)["style"]) > 1e-3


@pytest.mark.slow
def test_the_losses_fall(encoder: VGG, targets: Targets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # so that it can't be imported: it takes 72 MiB
    (photographs,) = batches(1)
    one = learner(encoder)
    totals = [one.step(photographs, targets, 0.0, k / 40).total for k in range(40)]
    assert totals[-1] < 0.8 * totals[0]
    averaged = losses(encoder, photographs, one.averages[0](photographs, 0.0), targets, OPTIONS)
    assert float(averaged["total"]) < 0.9 * totals[0]


@pytest.mark.slow
def test_recorded_steps_are_those_of_unrecorded_ones(encoder: VGG, targets: Targets) -> None:
    tape, pictures = Tape(), batches(4)
    torch.manual_seed(0)
    plain, recorded = learner(encoder), Learner(encoder, OPTIONS, [Painter()], recorder=tape)
    recorded.load_state(plain.state())
    for k, batch in enumerate(pictures):
        octaves = k % 2
        assert plain.step(batch, targets, octaves, k / 4) == recorded.step(batch, targets, octaves, k / 4)
    assert (tape.recorded, tape.replayed) == (2, 4)
    for mine, theirs in zip(recorded.averages.parameters(), plain.averages.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.slow
def test_it_goes_on_from_its_bytes_as_if_it_had_not_stopped(encoder: VGG, targets: Targets) -> None:
    pictures = batches(4)
    whole, broken_off, going_on = learner(encoder), learner(encoder), learner(encoder, seed=9)
    for k, batch in enumerate(pictures):
        whole.step(batch, targets, 0.5, k / 4)
    for k, batch in enumerate(pictures[:2]):
        broken_off.step(batch, targets, 0.5, k / 4)
    going_on.load(broken_off.to_bytes())
    for k, batch in enumerate(pictures[2:], start=2):
        going_on.step(batch, targets, 0.5, k / 4)
    assert going_on.steps == whole.steps == 4
    for mine, theirs in ((going_on.painters, whole.painters), (going_on.averages, whole.averages)):
        for one, other in zip(mine.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.slow
def test_steps_without_a_finite_gradient_change_nothing_and_end_the_learning(encoder: VGG, targets: Targets) -> None:
    (batch,) = batches(1)
    one = learner(encoder)
    before = [parameter.clone() for parameter in one.painters.parameters()]
    for _ in range(MOST_SKIPPED):
        one.step(batch * torch.nan, targets, 0.0, 0.0)
    assert one.steps == MOST_SKIPPED
    assert all(torch.equal(a, b) for a, b in zip(before, one.painters.parameters(), strict=True))
    with pytest.raises(GradientNotFinite, match="isn't finite"):
        one.step(batch * torch.nan, targets, 0.0, 0.0)


@pytest.mark.slow
def test_flat_pictures_have_a_finite_gradient(encoder: VGG, targets: Targets) -> None:
    flat = Crops([], 1, [np.full((CROP, CROP, 3), 100, dtype=np.uint8)] * MOST_DRAWN).batch(CROP)
    one = learner(encoder)
    before = [parameter.clone() for parameter in one.painters.parameters()]
    one.step(flat, targets, 0.0, 0.0)
    assert not all(torch.equal(a, b) for a, b in zip(before, one.painters.parameters(), strict=True))


def test_painters_that_learn_together_share_their_convolutions_alone(encoder: VGG, targets: Targets) -> None:
    painters = [Painter(), Painter()]
    share_convolutions(painters)
    both = Learner(encoder, OPTIONS, painters)
    (batch,) = batches(1)
    both.step(batch, targets, 0.0, 0.0, which=1)
    for group in (both.painters, both.averages):
        first, second = group
        assert first.head.weight is second.head.weight  # type: ignore[union-attr]
        assert first.to_half.normalization.shift is not second.to_half.normalization.shift  # type: ignore[union-attr]
    assert not both.painters[0].to_half.normalization.shift.any()  # type: ignore[union-attr,operator]
    assert both.painters[1].to_half.normalization.shift.any()  # type: ignore[union-attr,operator]
