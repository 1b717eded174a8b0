"""The service where nothing but NST_DATA can be written to: no /tmp, no /dev/shm, no home, nor a name of its user."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from front_door import RunningService, eventually, png

pytestmark = pytest.mark.slow

INSIDE = """
mount --make-rprivate / && mount --bind "$1" "$1" && mount -o remount,bind,ro / || exit 77
for one in $(awk '$2 == "/dev/shm" || $2 == "/tmp" {print $2}' /proc/mounts); do mount -o remount,bind,ro $one; done
mount -t tmpfs -o ro none /dev/shm || exit 77
shift
unnamed="unshare --user --map-user=12345"  # as containers have users that no file knows
$unnamed true 2> /dev/null || unnamed=
exec $unnamed "$@"
"""


def closed(data: Path, *command: str) -> list[str]:
    """Return a command line under which a command may write to a folder alone."""
    return ["unshare", "--mount", "sh", "-c", INSIDE, "sh", str(data), "env", "HOME=/none", "LC_ALL=C", *command]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    tried = subprocess.run(closed(folder, "touch", str(tmp_path / "other")), capture_output=True, check=False)
    if tried.returncode == 77 or (tmp_path / "other").exists() or b"unshare" in tried.stderr:
        pytest.skip(f"no mounts of its own here: {tried.stderr.decode().strip()}")
    return folder


def test_a_form_with_a_photo_is_painted(narrow_model: Path, data: Path) -> None:
    service = RunningService(narrow_model, data, painters=1)
    service.command = closed(data, *service.command)
    photo = png(np.random.default_rng(0).integers(0, 255, (500, 600, 3), np.uint8))
    assert len(photo) > 500_000  # from here on a form's parser would put it into a file
    with service:
        request = {"content": "file:photo", "styles": [{"image": "file:photo"}], "size": 64, "iterations": 2}
        response = service.post_form({"request": json.dumps(request)}, {"photo": photo})
        assert response.status_code == 202, response.text
        assert service.ended(response.json()["id"])["status"] == "succeeded"
        assert "nst_iterations_total" in service.get("/metrics").text  # of another process
        assert {path.name[:8] for path in (data / "tmp").iterdir()} == {"nst-run-"}
        service.stop()
        eventually(lambda: not list((data / "tmp").iterdir()), 60, "something is left")
    assert all(json.loads(line)["level"] == "INFO" for line in service.log.read_text().splitlines())
