"""What is replaced or deleted at the studio: only what the person was told of, and it can be had back."""

from __future__ import annotations

import numpy as np
import pytest
from front_door import RunningService, png
from playwright.sync_api import Route, expect
from studio.test_studio_access import check
from studio.test_studio_presets import manage, row
from studio.visiting import Visit, file

pytestmark = pytest.mark.slow


def picture(service: RunningService, preset: str) -> bytes:
    return service.get(f"/v1/styles/{preset}/images/0").content


def test_what_was_saved_elsewhere_meanwhile_is_replaced_once_that_is_said(visit: Visit, texture: np.ndarray) -> None:
    def save_elsewhere(top: int) -> bytes:
        data = png(texture[top : top + 64, :64])
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
    for top in (0, 60):
        there = save_elsewhere(top)
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


def test_what_was_deleted_can_be_had_back_after_more_of_it_and_a_reload(visit: Visit, texture: np.ndarray) -> None:
    names = ("gone-first", "gone-second")
    for name in names:
        visit.service.put_style(name, png(texture[:64, :64])).raise_for_status()
    visit.reload()
    manage(visit)
    for name in names:
        row(visit, name).get_by_text("Delete").click()
        row(visit, name).get_by_label("Yes, delete").click()
        expect(visit.at("#undo")).to_contain_text(f"{name} is deleted.")
    visit.at("#undo").get_by_label("Close").click()
    visit.reload()
    manage(visit)
    visit.at("#lately summary").click()
    expect(visit.at("#lately-list p")).to_have_text(["gone-second is deleted.", "gone-first is deleted."])
    check(visit)
    for name in names:
        visit.at("#lately-list").get_by_label(f"Undo: {name}").click()
        expect(row(visit, name)).to_be_visible()
    expect(visit.at("#lately")).to_be_hidden()
