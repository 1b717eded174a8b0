"""A walk from one preset to another."""

from __future__ import annotations

import pytest
from api.controls import NEGATIVE, QUICK, STYLE, TISSUE, assert_refused, digests, grey, losses, painted
from front_door import RunningService, png


@pytest.fixture
def ends(service: RunningService) -> dict[str, str]:
    """Two presets, as a blend names them."""
    service.put_style("blend-day", png(TISSUE))
    service.put_style("blend-night", png(NEGATIVE))
    return {"from": "blend-day", "to": "blend-night"}


@pytest.mark.slow
def test_a_blend_begins_with_one_preset_and_ends_with_the_other(
    service: RunningService, ends: dict[str, str]
) -> None:
    job = painted(service, blend=ends | {"steps": 3})
    assert len(set(digests(job))) == 4
    half = [{"preset": "blend-day", "weight": 2.0}, {"preset": "blend-night", "weight": 1.0}]
    alone = painted(service, variants=[{"styles": [{"preset": ends["from"]}]}, {"styles": half},
                                       {"styles": [{"preset": ends["to"]}]}])  # fmt: skip
    assert [digests(job)[i] for i in (0, 1, 3)] == digests(alone)
    assert service.get(job["links"]["sheet"]).headers["Content-Type"] == "image/jpeg"


@pytest.mark.slow
def test_each_step_is_farther_from_the_first_preset(service: RunningService, ends: dict[str, str]) -> None:
    """The losses of a picture in the first preset's style, against each step's own target, grow."""
    first = painted(service, {"preset": ends["from"]}, iterations=20)
    init = {"job": first["id"]}
    style = losses(painted(service, blend=ends | {"steps": 4}, iterations=0, init=init), "style")
    assert style == sorted(style)
    assert style[4] > 2 * style[0]


@pytest.mark.parametrize("steps", [0, 16, -1, 1.5, None])
def test_steps_out_of_range_are_refused(service: RunningService, ends: dict[str, str], steps: object) -> None:
    assert_refused(service.post(QUICK | {"blend": ends | {"steps": steps}}), "blend.steps")


def test_a_blend_stands_for_styles_and_variants(service: RunningService, ends: dict[str, str]) -> None:
    blend = {"blend": ends | {"steps": 1}}
    assert_refused(service.post(QUICK | blend | {"styles": [STYLE]}), "styles")
    assert_refused(service.post(QUICK | blend | {"variants": [{}]}), "variants")
    assert_refused(service.post(QUICK | blend | {"styles": [STYLE], "variants": [{}]}), "styles", "variants")


@pytest.mark.parametrize("end", ["from", "to"])
def test_an_unknown_preset_of_a_blend_is_named(service: RunningService, ends: dict[str, str], end: str) -> None:
    response = service.post(QUICK | {"blend": ends | {"steps": 1, end: "never-saved"}})
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["loc"] == f"blend.{end}"
    assert "never-saved" in error["msg"]


def test_what_is_wrong_beside_a_blend_is_named_as_it_was_written(
    service: RunningService, ends: dict[str, str]
) -> None:
    body = QUICK | {"blend": ends | {"steps": 2}}
    assert_refused(service.post(body | {"protect": grey(9, 48, 64)}), "protect")
    assert_refused(service.post(body | {"strength": 0.5, "style_weight": 1.0}), "strength")
    assert_refused(service.post(body | {"style_layers": {"relu9_9": 1.0}}), "style_layers.relu9_9")
