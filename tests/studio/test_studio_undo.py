"""What is replaced or deleted at the studio: only what the person was told of, and it can be had back."""

from __future__ import annotations

import numpy as np
import pytest
from front_door import RunningService, png
from playwright.sync_api import Route, expect
from studio.test_studio_access import check
from studio.visiting import Visit, file

pytestmark = pytest.mark.slow


def picture(service: RunningService, preset: str) -> bytes:
    return service.get(f"/v1/styles/{preset}/images/0").content


def test_what_was_saved_elsewhere_meanwhile_is_replaced_once_that_is_said(visit: Visit, texture: np.ndarray) -> None:
    def save_elsewhere(row: int) -> bytes:
        data = png(texture[row : row + 64, :64])
        visit.service.put_style("two-tabs", data).raise_for_status()
        return data

    def save_elsewhere_while_it_is_sent(route: Route) -> None:
        if route.request.method == "PUT":
            last.append(save_elsewhere(120))
        route.continue_()

    last: list[bytes] = []
    visit.add_styles(file("mine.png", png(texture[180:244, :64])))
    visit.at("#save-mix").click()
    visit.at("#preset-name").fill("two-tabs")
    expect(visit.at("#preset-save")).to_have_text("Save")
    for row in (0, 60):
        there = save_elsewhere(row)
        visit.at("#preset-save").click()
        expect(visit.at("#preset-problem")).to_contain_text("saved elsewhere meanwhile")
        expect(visit.at("#preset-save")).to_have_text("Replace it")
        assert picture(visit.service, "two-tabs") == there
    check(visit)
    visit.page.route("**/v1/styles/two-tabs", save_elsewhere_while_it_is_sent)
    visit.at("#preset-save").click()
    visit.at("#undo").get_by_text("Undo").click()
    expect(visit.at("#undo")).to_be_hidden()
    assert [picture(visit.service, "two-tabs")] == last
