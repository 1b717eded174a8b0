"""Changes of presets that come at the same time: each is made or refused, and none fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
import pytest
from front_door import png
from sqlalchemy.orm import Session

from service.decoding.files import check_image
from service.errors import NameTaken
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.preset_schema import PresetRow
from service.styles.preset_changes import PresetChanges, change_preset
from service.styles.preset_versions import PresetVersions
from service.styles.presets import Presets

# SQLite has one writer at a time, so only a server can have two of them between their reads and their writes.
pytestmark = [pytest.mark.slow, pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)]
ROUNDS = 5


@pytest.fixture
def presets(database: Database, tmp_path: Path) -> Presets:
    return Presets(database, Blobs((tmp_path / "blobs").as_uri()))


def put(
    presets: Presets, name: str, also: Callable[[Session, PresetRow], None] = lambda session, row: None
) -> PresetRow:
    picture = check_image(png(np.zeros((16, 16, 3), np.uint8)))
    return presets.put(name, "", [StyleImage(picture)], also=also)[0]


def put_during(presets: Presets, name: str, other: Callable[[], object]) -> Future[object]:
    """Save a preset; begin another call after that has read its row and before it writes. Return its future."""
    with ThreadPoolExecutor(1) as thread:
        begun: list[Future[object]] = []

        def also(session: Session, row: PresetRow) -> None:
            begun.append(thread.submit(other))
            wait(begun, 0.3)  # in vain where the other one has to wait for this one

        put(presets, name, also)
        return begun[0]


def test_one_of_two_renames_to_one_name_is_refused(database: Database, presets: Presets) -> None:
    for name in ("a", "b"):
        put(presets, name)
    for _ in range(ROUNDS):
        at_once = threading.Barrier(2)
        with ThreadPoolExecutor(2) as threads:
            renamed = [threads.submit(renamed_to_c, database, name, at_once) for name in ("a", "b")]
        name, refused = sorted((one.result() for one in renamed), key=lambda one: one == "refused")
        assert (presets.get("c").name, refused) == ("c", "refused")
        change_preset(database, "c", PresetChanges(name=name))


def renamed_to_c(database: Database, name: str, at_once: threading.Barrier) -> str:
    at_once.wait(30)
    try:
        change_preset(database, name, PresetChanges(name="c"))
    except NameTaken:
        return "refused"
    return name


def test_a_preset_is_replaced_while_it_is_changed_renamed_or_deleted(database: Database, presets: Presets) -> None:
    put(presets, "a")
    changes = PresetChanges(description="new")
    assert put_during(presets, "a", lambda: change_preset(database, "a", changes)).exception() is None
    assert presets.get("a").description == "new"
    assert put_during(presets, "a", lambda: change_preset(database, "a", PresetChanges(name="c"))).exception() is None
    assert [row.name for row in presets.page("", 9)] == ["c"]
    assert put_during(presets, "c", lambda: presets.delete("c")).exception() is None
    assert presets.page("", 9) == []


def test_a_preset_is_made_while_another_gets_its_name_or_is_made_too(database: Database, presets: Presets) -> None:
    put(presets, "a")
    refused = put_during(presets, "c", lambda: change_preset(database, "a", PresetChanges(name="c")))
    assert isinstance(refused.exception(), NameTaken)
    assert put_during(presets, "d", lambda: put(presets, "d")).exception() is None


def test_of_two_replacements_at_a_time_both_former_states_are_kept(database: Database, presets: Presets) -> None:
    first = put(presets, "a").version
    assert put_during(presets, "a", lambda: put(presets, "a")).exception() is None
    presets.delete("a")
    kept = [row.version for row in PresetVersions(database, 60).former("a")]
    assert len(kept) == 3
    assert kept[-1] == first
