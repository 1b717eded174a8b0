"""The command `nst` when the service refuses or is away: what it says, and what it leaves to be fetched."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from clients.scripted import JOB, MADE, PROBLEM, Reply, answering, problem, skipped_pauses
from nst_client.command import folder as folder_command
from nst_client.command.main import main

RUNNING = Reply(200, JOB)
FAILED = Reply(200, JOB | {"status": "failed", "error": {"title": "Failed", "status": 500}})
ENDED = Reply(200, JOB | {"status": "succeeded", "result": {"variants": [{}]}})
PICTURE = Reply(200, b"painted", {"Content-Type": "image/png"})
ANSWERED = "The service has the job. To get the picture: nst watch one -o "
WAITS = "nst: No: not now; trying again for up to 120 s"
REFUSED = "nst: No: not now"


def folder(tmp_path: Path, names: str) -> tuple[Path, Path]:
    """Return a folder with a picture of each name, and one for what is painted."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in names:
        (photos / f"{name}.png").write_bytes(name.encode())
    return photos, tmp_path / "painted"


def test_a_key_that_is_missing_or_wrong_is_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    raw = {"type": "urn:nst:problem:unauthorized", "title": "Unauthorized", "status": 401, "detail": "no key yet"}
    refused = Reply(401, raw, PROBLEM)
    with answering([refused]) as server:
        assert main(["styles", "--url", server.url]) == main(["styles", "--url", server.url, "--key", "old"]) == 1
    without, wrong = capsys.readouterr().err.splitlines()
    assert without == "nst: the service asks for a key: NSTCLIENT_KEY is for it (Unauthorized: no key yet)"
    assert wrong == "nst: the service doesn't take this key: NSTCLIENT_KEY is for it (Unauthorized: no key yet)"


@pytest.mark.parametrize(
    ("replies", "has_job"),
    [
        ([problem(422)], False),
        ([MADE, problem(401)], True),
        ([MADE, Reply(200, b"<html>")], True),
        ([MADE, ENDED, problem(409)], True),
        ([MADE, FAILED], False),
        ([MADE, problem(404)], False),
    ],
)
def test_an_error_leaves_the_picture_to_be_fetched(
    tmp_path: Path, replies: Sequence[Reply], has_job: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, out = folder(tmp_path, "a")
    file = out / "a b.png"
    with answering(replies) as server:
        assert main([str(photos / "a.png"), "--preset", "mosaic", "-o", str(file), "--url", server.url]) == 1
    *before, error = capsys.readouterr().err.splitlines()
    assert error.startswith("nst: ") and before == ([f"{ANSWERED}'{file}'"] if has_job else [])


def test_a_disk_that_takes_no_picture_leaves_it_to_be_fetched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, out = folder(tmp_path, "a")
    monkeypatch.setattr(time, "sleep", lambda _: out.write_bytes(b"no folder any more"))
    with answering([MADE, ENDED, PICTURE]) as server:
        line = [str(photos / "a.png"), "--preset", "mosaic", "-o", str(out / "a.png"), "--url", server.url]
        assert main(line) == 1
    hint, error = capsys.readouterr().err.splitlines()
    assert hint == f"{ANSWERED}{out / 'a.png'}" and error.startswith("nst: ")


def test_a_break_before_the_answer_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, out = folder(tmp_path, "a")

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    with answering([problem(429, Retry_After="40")]) as server:
        assert main([str(photos / "a.png"), "--preset", "mosaic", "-o", str(out), "--url", server.url]) == 130
        waits, empty, said = capsys.readouterr().err.splitlines()
        assert (waits, empty) == (WAITS, "") and "No answer yet" in said
        assert main([str(photos), "--preset", "mosaic", "-o", str(out), "--url", server.url]) == 130
        assert "1 are left. The same line goes on" in capsys.readouterr().err


def test_a_service_that_is_not_there_is_waited_for_and_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = skipped_pauses(monkeypatch)
    assert main(["styles", "--url", "http://127.0.0.1:1"]) == 1
    reason = "nst: http://127.0.0.1:1: Connection refused"
    assert capsys.readouterr().err.splitlines() == [f"{reason}; trying again for up to 120 s", reason]
    assert len(pauses) > 6


def test_a_learning_goes_on_after_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    painter = {"status": "queued", "size": None, "fraction": 0.0, "error": None}
    with answering([Reply(200, painter), Reply(202, painter), problem(403)]) as server:
        assert main(["learn", "mosaic", "--url", server.url]) == 1
    hint, error = capsys.readouterr().err.splitlines()
    assert "`nst styles` shows" in hint and error == REFUSED


def test_a_transfer_is_watched_without_a_stream(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "out.png"
    with answering([RUNNING, RUNNING, ENDED, PICTURE]) as server:
        assert main(["watch", "one", "-o", str(file), "--url", server.url]) == 0
    assert capsys.readouterr().out == f"{file}\n" and file.read_bytes() == b"painted"
    assert not [request.path for request in server.seen if "events" in request.path]


def test_a_refused_picture_fails_alone_and_what_has_ended_is_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, out = folder(tmp_path, "abcde")

    def refusal(slug: str, loc: str) -> Reply:
        raw = {"type": f"urn:nst:problem:{slug}", "status": 422, "title": slug, "errors": [{"loc": loc, "msg": slug}]}
        return Reply(422, raw, PROBLEM)

    replies = [
        MADE,
        Reply(413, b"<html>"),
        refusal("does-not-fit", "size"),
        refusal("invalid-input", "styles.0.preset"),
        ENDED,
        PICTURE,
    ]
    with answering(replies) as server:
        status = main([str(photos), "--preset", "gone", "-o", str(out), "--url", server.url])
    assert (status, (out / "a.png").read_bytes()) == (1, b"painted")
    said = capsys.readouterr().err
    assert "b.png: HTTP 413" in said and "c.png: does-not-fit" in said and "nst: invalid-input" in said
    assert len(server.seen) == len(replies)


@pytest.mark.parametrize("status", [429, 507])
def test_a_limit_that_lasts_ends_a_folder_once_what_runs_is_fetched(
    tmp_path: Path, status: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    skipped_pauses(monkeypatch)
    photos, out = folder(tmp_path, "abc")
    refused = problem(status, Retry_After="40000")
    with answering([MADE, refused, RUNNING, RUNNING, ENDED, PICTURE, refused]) as server:
        assert main([str(photos), "--preset", "mosaic", "-o", str(out), "--url", server.url]) == 1
    assert [request.method for request in server.seen] == ["POST"] * 2 + ["GET"] * 4 + ["POST"]
    assert (out / "a.png").read_bytes() == b"painted"
    said, error = capsys.readouterr().err.splitlines()
    assert "2 are left" in said and error == REFUSED
    with answering([refused]) as server:
        assert main([str(photos), "--preset", "mosaic", "-o", str(out), "--url", server.url]) == 1
    assert capsys.readouterr().err == f"{REFUSED}\n"


def test_nothing_of_a_folder_is_submitted_before_the_time_that_a_limit_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    skipped_pauses(monkeypatch)
    monkeypatch.setattr(folder_command, "LOOK_S", 10)
    photos, out = folder(tmp_path, "ab")
    full = problem(429, Retry_After="65")  # the second one is past the patience of a request
    with answering([MADE, full, full, *[RUNNING] * 7, MADE, ENDED, PICTURE, ENDED, PICTURE]) as server:
        assert main([str(photos), "--preset", "mosaic", "-o", str(out), "--url", server.url]) == 0
    assert [request.method for request in server.seen] == ["POST"] * 3 + ["GET"] * 7 + ["POST"] + ["GET"] * 4
    assert sorted(path.name for path in out.glob("*.png")) == ["a.png", "b.png"]
    assert capsys.readouterr().err == f"{WAITS}\n"


def test_what_is_waited_for_again_and_again_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    skipped_pauses(monkeypatch)
    photos, out = folder(tmp_path, "ab")
    full = problem(429, Retry_After="1")
    with answering([full, MADE, full, MADE, ENDED, PICTURE, ENDED, PICTURE]) as server:
        assert main([str(photos), "--preset", "mosaic", "-o", str(out), "--url", server.url]) == 0
    assert capsys.readouterr().err == f"{WAITS}\n"


def test_a_file_that_cannot_be_written_ends_a_folder_once_what_runs_is_fetched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    skipped_pauses(monkeypatch)
    photos, out = folder(tmp_path, "az")
    (photos / "in").mkdir()
    (photos / "in" / "b.png").write_bytes(b"b")
    out.mkdir()
    (out / "in").write_bytes(b"no folder")
    replies = [MADE, MADE, RUNNING, ENDED, PICTURE, RUNNING, ENDED, PICTURE]
    line = [str(photos), "--preset", "mosaic", "-o", str(out), "--jobs", "2"]
    with answering(replies) as server:
        assert main([*line, "--url", server.url]) == 1
    assert [request.method for request in server.seen] == ["POST"] * 2 + ["GET"] * 6
    assert (out / "a.png").read_bytes() == b"painted"
    said, error = capsys.readouterr().err.splitlines()
    assert "2 are left" in said and f"{out / 'in'}" in error
