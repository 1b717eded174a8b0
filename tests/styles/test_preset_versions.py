"""Former states of presets by their rows: how many are kept, and whose they count as."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from front_door import png

from service.decoding.files import check_image
from service.errors import NoSpace, NotFound
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.storage.counted import BLOCK
from service.storage.database import Database
from service.storage.left import left_folders
from service.storage.quota import bytes_of
from service.styles import preset_versions
from service.styles.preset_changes import PresetChanges, change_preset
from service.styles.preset_files import version_folder
from service.styles.preset_versions import KEPT, PresetVersions, forget_expired
from service.styles.presets import Presets
from service.tenants.tenants import Tenants

IMAGE = StyleImage(check_image(png(np.zeros((20, 20, 3), np.uint8))))
SIZE = 2 * BLOCK  # of its picture and its thumbnail, which are both smaller
DAY_S = 86_400.0


@pytest.fixture
def presets(database: Database, tmp_path: Path) -> Presets:
    return Presets(database, Blobs((tmp_path / "blobs").as_uri()), caller_bytes=(KEPT + 10) * SIZE)


@pytest.fixture
def versions(database: Database) -> PresetVersions:
    return PresetVersions(database, DAY_S)


def left(database: Database) -> set[str]:
    with database.reading() as session:
        return left_folders(session)


@pytest.mark.slow
def test_the_newest_are_kept_and_the_files_of_the_others_may_go(
    presets: Presets, versions: PresetVersions, database: Database
) -> None:
    saved = [presets.put("a", "", [IMAGE])[0].version for _ in range(KEPT + 3)]
    kept = [row.version for row in versions.former("a")]
    assert kept == saved[-2:1:-1]
    assert left(database) == {version_folder(version) for version in saved[:2]}


@pytest.mark.slow
def test_the_oldest_of_all_that_are_kept_can_be_had_back(
    presets: Presets, versions: PresetVersions, database: Database
) -> None:
    saved = [presets.put("a", "", [IMAGE])[0].version for _ in range(KEPT + 1)]
    assert versions.restore("a", saved[0]).version == saved[0]
    assert presets.get("a").version == saved[0]
    assert [row.version for row in versions.former("a")] == saved[:0:-1]
    assert left(database) == set()


def test_the_newest_of_all_names_are_kept(
    presets: Presets, versions: PresetVersions, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preset_versions, "KEPT_IN_ALL", 3)
    saved = []
    for name in ("a", "b", "c", "d", "e"):
        saved.append(presets.put(name, "", [IMAGE])[0].version)
        presets.delete(name)
    assert left(database) == {version_folder(version) for version in saved[:2]}
    assert [row.version for row in versions.former("c")] == saved[2:3]
    with pytest.raises(NotFound):
        versions.former("b")


def test_states_that_were_shared_go_for_no_others(
    presets: Presets, versions: PresetVersions, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preset_versions, "KEPT", 2)
    monkeypatch.setattr(preset_versions, "KEPT_IN_ALL", 3)
    shared = [presets.put("a", "", [IMAGE], shared=True)[0].version for _ in range(3)]
    presets.delete("a")
    for name in ("a", "a", "b", "c", "d"):
        presets.put(name, "", [IMAGE])
        presets.delete(name)
    assert [row.version for row in versions.former("a") if row.shared] == shared[:0:-1]
    former = [name for name in ("a", "b", "c", "d") if any(not row.shared for row in versions.former(name))]
    assert former == ["b", "c", "d"]


def test_they_count_for_whoever_saved_them(presets: Presets, versions: PresetVersions, database: Database) -> None:
    presets.put("a", "", [IMAGE], owner="first")
    presets.put("a", "", [IMAGE], owner="second")
    with database.reading() as session:
        assert [bytes_of(session, owner)["presets"] for owner in ("first", "second")] == [SIZE, SIZE]
    few = Presets(database, presets._blobs, caller_bytes=1.5 * SIZE)
    with pytest.raises(NoSpace):
        few.put("a", "", [IMAGE], owner="second")
    (former,) = versions.former("a")
    assert versions.restore("a", former.version).owner == "first"
    versions.purge("a")
    with database.reading() as session:
        assert [bytes_of(session, owner)["presets"] for owner in ("first", "second")] == [0, 0]


def test_what_is_over_is_hidden_before_it_is_removed(presets: Presets, database: Database) -> None:
    version = presets.put("a", "", [IMAGE])[0].version
    presets.delete("a")
    over = PresetVersions(database, -1.0)
    for look in (lambda: over.former("a"), lambda: over.restore("a", version)):
        with pytest.raises(NotFound):
            look()
    forget_expired(database, DAY_S)
    assert PresetVersions(database, float("inf")).former("a")
    forget_expired(database, -1.0)
    assert left(database) == {version_folder(version)}
    with pytest.raises(NotFound):
        PresetVersions(database, float("inf")).former("a")


def test_the_jobs_of_a_state_do_not_come_back_with_it(presets: Presets, versions: PresetVersions) -> None:
    presets.put("a", "", [IMAGE], also=lambda _, row: setattr(row, "learning", "job"))
    presets.put("a", "", [IMAGE], also=lambda _, row: setattr(row, "learning", "other"))
    (former,) = versions.former("a")
    restored = versions.restore("a", former.version)
    assert (restored.learning, restored.warm, restored.sample) == (None, None, None)


def test_a_restore_and_a_purge_cancel_the_tasks_of_the_current_state(database: Database, presets: Presets) -> None:
    canceled: list[str] = []
    versions = PresetVersions(database, DAY_S, lambda _, jobs: canceled.extend(jobs))
    former = presets.put("a", "", [IMAGE])[0].version
    presets.put("a", "", [IMAGE], also=lambda _, row: setattr(row, "learning", "first"))
    versions.restore("a", former)
    assert canceled == ["first"]
    presets.put("a", "", [IMAGE], also=lambda _, row: setattr(row, "learning", "second"))
    versions.purge("a")
    assert canceled == ["first", "second"]


def test_each_tenant_has_its_own_under_a_name(presets: Presets, versions: PresetVersions, database: Database) -> None:
    Tenants(database).add("acme")
    for tenants_own in (presets, presets.of("acme")):
        for _ in range(2):
            tenants_own.put("a", "", [IMAGE])
    (others,) = versions.of("acme").former("a")
    change_preset(database, "a", PresetChanges(name="b"))
    assert [row.version for row in versions.of("acme").former("a")] == [others.version]
    assert len(versions.former("b")) == 1
    with pytest.raises(NotFound):
        versions.restore("b", others.version)
    versions.of("acme").purge("a")
    assert len(versions.former("b")) == 1
