"""The removal of a tenant on each kind of database: at once, interrupted, and by the sweep."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
from jobs.submitting import REQUEST
from sqlalchemy import select, update
from styles.pack_files import some_pack
from sweep.swept import DAY_S

from service.decoding import files
from service.errors import Forbidden, NameTaken, NotFound, Unauthorized
from service.jobs.batches import Batches, BatchItem
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import StoredStyle
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.storage.database import Database, read_clock
from service.storage.left import Left, leave, left_folders
from service.storage.preset_schema import PresetRow
from service.storage.quota import bytes_of
from service.storage.schema import CallerRow, DeliveryRow, JobRow
from service.storage.stored_files import StoredFile, StoredImage
from service.storage.style_uses import note_uses, noted_images
from service.storage.tenant_amounts import amounts_of
from service.storage.tenant_schema import StyleUseRow, TenantRow, UsageRow
from service.styles import gram_keys
from service.styles.preset_versions import PresetVersions
from service.styles.presets import Presets
from service.tenants import removal
from service.tenants.callers import owner_of
from service.tenants.keys import Keys
from service.tenants.removal import KINDS, finish_removals, remove_tenant
from service.tenants.scopes import ALL
from service.tenants.tenants import KEPT_S, REST_S, Tenants, forget_removed
from service.worker.sweep import REMOVAL_S, sweep

ACME = "acme"


@pytest.fixture
def presets(database: Database, blobs: Blobs, photo_png: bytes) -> Presets:
    """The presets of acme, which has one, as the default tenant has, and a job and a key."""
    Tenants(database).add(ACME)
    Keys(database).add(ACME, "key", ALL)
    both = Presets(database, blobs), Presets(database, blobs, tenant=ACME)
    for presets in both:
        presets.put("same", "", [StyleImage(files.check_image(photo_png))])
    queue = Queue(database, Limits())
    queue.submit(Submission("others", REQUEST))
    queue.of(ACME).submit(Submission("own", REQUEST, owner_of(ACME)))
    return both[1]


def what_is_left(database: Database) -> tuple[list[str], list[str], list[str]]:
    with database.reading() as session:
        jobs = session.scalars(select(JobRow.id).order_by(JobRow.id)).all()
        tenants = session.scalars(select(PresetRow.tenant).order_by(PresetRow.tenant)).all()
        callers = session.scalars(select(CallerRow.owner).order_by(CallerRow.owner)).all()
        return list(jobs), list(tenants), list(callers)


def test_all_of_a_tenant_is_removed_and_nothing_else(database: Database, blobs: Blobs, presets: Presets) -> None:
    found = remove_tenant(database, blobs, ACME)
    assert found.complete
    counted = {"keys": 1, "jobs": 1, "presets": 1, "bytes": found.counts["bytes"]}
    assert found.counts == dict.fromkeys(KINDS, 0) | counted
    assert counted["bytes"] > 0
    assert what_is_left(database) == (["others"], ["default"], [""])
    versions = {blob.key.split("/")[1] for blob in blobs.listing("styles")}
    assert versions == {Presets(database, blobs).get("same").version}
    with pytest.raises(NotFound):
        remove_tenant(database, blobs, ACME)
    with pytest.raises(NameTaken):
        Tenants(database).add(ACME)


def test_an_interrupted_removal_takes_nothing_new_and_goes_on(
    database: Database, blobs: Blobs, presets: Presets, photo_png: bytes
) -> None:
    with database.writing() as session:
        due = DeliveryRow(
            id="m", tenant=ACME, owner=owner_of(ACME), job_id="gone", url="", payload={}, created_at=0.0
        )
        due.due_at = 1.0
        session.add(due)
    found = remove_tenant(database, blobs, ACME, seconds=0)
    assert (found.complete, found.counts["webhooks"]) == (False, 0)
    assert Keys(database).page(ACME, (0.0, ""), 9) == []
    with pytest.raises(NotFound):
        Tenants(database).get(ACME)
    with pytest.raises(Unauthorized):
        Queue(database, Limits(), ACME).submit(Submission(new_id(), REQUEST, owner_of(ACME)))
    before = len(list(blobs.listing("styles")))
    with pytest.raises(Unauthorized):
        presets.put("new", "", [StyleImage(files.check_image(photo_png))])
    assert len(list(blobs.listing("styles"))) == before
    finish_removals(database, blobs)
    assert what_is_left(database) == (["others"], ["default"], [""])


def test_what_a_former_tenant_began_does_not_come_to_a_new_one_of_its_name(
    database: Database, blobs: Blobs, presets: Presets, photo_png: bytes
) -> None:
    former = Tenants(database).get(ACME).created_at
    remove_tenant(database, blobs, ACME)
    with database.writing() as session:
        session.get_one(TenantRow, ACME).removed_at = former - REST_S
    new = Tenants(database).add(ACME).created_at
    job, image = Submission(new_id(), REQUEST, owner_of(ACME)), StyleImage(files.check_image(photo_png))
    late: list[Callable[[float], object]] = [
        lambda since: Queue(database, Limits()).of(ACME, since).submit(job),
        lambda since: Batches(database, Limits()).of(ACME, since).submit(new_id(), [BatchItem(job)], None, None),
        lambda since: presets.of(ACME, since).put("mine", "", [image]),
    ]
    for act in late:
        with pytest.raises(Unauthorized):
            act(former)
    assert what_is_left(database) == (["others"], ["default"], [""])
    late[0](new)
    late[2](new)


def test_a_removed_tenant_is_forgotten_after_a_day_unless_something_is_left(
    database: Database, blobs: Blobs, presets: Presets
) -> None:
    remove_tenant(database, blobs, ACME)

    def forget(ago: float, *rows: UsageRow) -> list[str]:
        """Forget as if the removal was so long ago; return the tenants that are still known."""
        with database.writing() as session:
            session.get_one(TenantRow, ACME).removed_at = read_clock(session) - ago
            session.add_all(rows)
        with database.writing() as session:
            forget_removed(session)
            return list(session.scalars(select(TenantRow.name).order_by(TenantRow.name)))

    zero = dict.fromkeys(("jobs", "megapixel_evaluations", "compute_s", "bytes_in", "bytes_out"), 0)
    assert forget(KEPT_S - 60) == [ACME, "default"]
    assert forget(KEPT_S + 60, UsageRow(tenant=ACME, day="2026-11-01", **zero)) == [ACME, "default"]
    finish_removals(database, blobs)
    with database.reading() as session:
        assert session.get(TenantRow, ACME) is None


def test_former_states_go_too_but_not_the_grams_that_those_of_others_use(
    database: Database, blobs: Blobs, presets: Presets, photo_png: bytes, texture_png: bytes
) -> None:
    texture = files.check_image(texture_png)
    for mine in (presets, Presets(database, blobs)):
        mine.put("same", "", [StyleImage(texture)])  # the photograph is in former states alone
        mine.put("same", "", [StyleImage(texture)])
    photo_only = PresetVersions(database, math.inf).former("same")[-1]
    grams = gram_keys.image_prefix(photo_only.images[0].file.sha256) + "0"
    blobs.put(grams, b"1")
    assert remove_tenant(database, blobs, ACME).counts["versions"] == 2
    assert [blob.key for blob in blobs.listing("grams")] == [grams]
    kept = {row.version for row in PresetVersions(database, math.inf).former("same")}
    assert {blob.key.split("/")[1] for blob in blobs.listing("styles")} == kept | {
        Presets(database, blobs).get("same").version
    }


def test_a_removal_goes_on_where_only_former_states_are_left(
    database: Database, blobs: Blobs, photo_png: bytes
) -> None:
    Tenants(database).add(ACME)
    presets, versions = Presets(database, blobs, tenant=ACME), PresetVersions(database, math.inf, tenant=ACME)
    version = presets.put("gone", "", [StyleImage(files.check_image(photo_png))])[0].version
    presets.delete("gone")
    assert not remove_tenant(database, blobs, ACME, seconds=0).complete
    with pytest.raises(Unauthorized):
        versions.restore("gone", version)
    finish_removals(database, blobs)
    with pytest.raises(NotFound):
        versions.former("gone")
    assert not list(blobs.listing("styles"))


def test_what_a_tenant_has_left_counts_for_none_that_gets_its_name(
    database: Database, blobs: Blobs, presets: Presets
) -> None:
    def counted() -> int:
        with database.reading() as session:
            return bytes_of(session, "somebody")["left"] + amounts_of(session, ACME).stored_bytes

    pack = some_pack()
    presets.put_pack("purged", pack.to_bytes(), pack, owner="somebody")
    PresetVersions(database, math.inf, tenant=ACME).purge("purged")
    with database.writing() as session:
        leave(session, [Left(f"jobs/{i}", ACME, bytes=1) for i in range(2000)])
    assert counted() > 2000
    remove_tenant(database, blobs, ACME)
    assert counted() == 0


def test_the_grams_of_what_is_gone_go_with_the_tenant(
    database: Database, blobs: Blobs, presets: Presets, photo_png: bytes, texture_png: bytes
) -> None:
    def submitted(sha256: str, tenant: str, pack: StoredFile | None = None) -> str:
        style = StoredStyle(None, 1.0, 1.0, (StyleImage(StoredImage("" if pack else "s", sha256, 8, 8)),), pack)
        request, id = replace(REQUEST, base=replace(REQUEST.base, styles=(style,))), new_id()
        Queue(database, Limits(), tenant).submit(Submission(id, request, owner_of(tenant)))
        return id

    submitted("2" * 64, "default")
    for digit, tenant in (("1", ACME), ("2", ACME), ("3", "default")):
        Queue(database, Limits(), tenant).delete(submitted(digit * 64, tenant))
    named = [{"sha256": "1" * 64, "width": 8, "height": 8, "weight": 1.0, "scale": 1.0}]
    Presets(database, blobs).put_pack("says-so", b"", some_pack(images=named))
    submitted("1" * 64, "default", StoredFile("pack", "p"))
    presets.put("former", "", [StyleImage(files.check_image(texture_png))])
    PresetVersions(database, math.inf, tenant=ACME).purge("former")
    purged = files.check_image(texture_png).sha256
    images = ("1" * 64, "2" * 64, "3" * 64, purged)
    kept = {gram_keys.image_prefix(image) + "0" for image in images[1:3]}
    for image in images:
        blobs.put(gram_keys.image_prefix(image) + "0", b"1")
    assert remove_tenant(database, blobs, ACME).counts["grams"] == 2
    assert {blob.key for blob in blobs.listing("grams")} == kept


def test_a_picture_is_forgotten_when_its_grams_are(database: Database, blobs: Blobs, presets: Presets) -> None:
    with database.writing() as session:
        note_uses(session, [(ACME, "1" * 64), (ACME, "2" * 64), ("default", "3" * 64), (ACME, "5" * 64)])
        session.execute(update(StyleUseRow).values(gone_at=0.0))
        note_uses(session, [(ACME, "4" * 64), (ACME, "5" * 64)])  # of a job whose worker may store some yet
    blobs.put(gram_keys.image_prefix("1" * 64) + "0", b"1")
    finish_removals(database, blobs)
    with database.reading() as session:
        assert sorted(noted_images(session, ACME, 9)) == ["1" * 64, "4" * 64, "5" * 64]


def test_a_removal_keeps_its_time_however_slow_the_files_are(
    database: Database, blobs: Blobs, presets: Presets, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, removed = [0.0], list[str]()

    def remove(_: Blobs, key: str) -> None:
        clock[0] += 8.0
        removed.append(key)

    for module in ("service.tenants.removal", "service.storage.unsaved"):
        monkeypatch.setattr(f"{module}.time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(Blobs, "delete_all", remove)
    monkeypatch.setattr(Blobs, "delete", remove)
    queue = Queue(database, Limits(), ACME)
    for i in range(4):
        queue.submit(Submission(f"own-{i}", REQUEST, owner_of(ACME)))
    assert not remove_tenant(database, blobs, ACME, seconds=20.0).complete
    assert removed == ["jobs/own", "jobs/own-0", "jobs/own-1"]
    with database.reading() as session:
        assert {f"jobs/own-{i}" for i in range(4)} <= left_folders(session)
    for i in range(4):
        blobs.put(gram_keys.image_prefix(str(i) * 64) + "0", b"1")
    with database.writing() as session:
        note_uses(session, [(ACME, str(i) * 64) for i in range(4)])
    clock[0], removed[:] = 0.0, []
    assert remove_tenant(database, blobs, ACME, seconds=20.0).counts["grams"] == 2  # after the preset's files


def test_the_next_sweeps_end_a_removal_that_one_has_too_little_time_for(
    database: Database, blobs: Blobs, presets: Presets, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]

    def remove(_: Blobs, key: str) -> None:
        clock[0] += REMOVAL_S / 4

    for module in ("service.tenants.removal", "service.storage.unsaved"):
        monkeypatch.setattr(f"{module}.time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(removal, "BATCH", 2)
    monkeypatch.setattr(Blobs, "delete_all", remove)
    queue = Queue(database, Limits(), ACME)
    for i in range(10):
        queue.submit(Submission(f"own-{i}", REQUEST, owner_of(ACME)))
    remove_tenant(database, blobs, ACME, seconds=0)
    left = []
    for _ in range(9):
        is_left = sweep(database, blobs, 0, DAY_S)
        left.append(len(what_is_left(database)[0]))
        if not is_left:
            break
    assert left[:3] == [8, 4, 1]
    assert what_is_left(database) == (["others"], ["default"], [""])


def test_a_removal_that_another_worker_ends_meanwhile_is_complete(
    database: Database, blobs: Blobs, presets: Presets, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_tenant(database, blobs, ACME)
    found = iter([True, False])  # as it was a moment ago, and as it is
    monkeypatch.setattr("service.tenants.tenants.has_rows", lambda session, name: next(found))
    assert removal.finish_removals(database, blobs)


def test_the_default_tenant_stays(database: Database, blobs: Blobs) -> None:
    with pytest.raises(Forbidden):
        remove_tenant(database, blobs, "default")
