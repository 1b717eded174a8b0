"""The units that docs/deploying.md shows are systemd's, and fit the service."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest
from front_door import ROOT
from servers.fixtures import missing

from service.__main__ import COMMANDS
from service.commands.serve import STOP_S
from service.config import Settings, variables

SHOWN = re.findall(r"```ini\n(.*?)```", (ROOT / "docs" / "deploying.md").read_text(), re.DOTALL)
NAMES = ("nst.service", "nst-backup.service", "nst-backup.timer")
UNITS = dict(zip(NAMES, SHOWN, strict=True))
SERVICES = NAMES[:2]


def section(name: str) -> dict[str, str]:
    parser = RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(UNITS[name])
    return dict(parser["Service"])


@pytest.mark.slow
def test_systemd_takes_them(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        missing("systemd-analyze", "systemd")
    for name, unit in UNITS.items():
        (tmp_path / name).write_text(unit.replace("/opt/nst/", f"{ROOT}/"))
    done = subprocess.run(
        [program, "verify", "--man=no", *(str(tmp_path / name) for name in NAMES)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "nst" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("name", SERVICES)
def test_settings_and_commands_are_the_services(name: str) -> None:
    said = section(name)
    environment = dict(word.split("=", 1) for word in said["Environment"].split())
    assert set(environment) <= set(variables())
    Settings.from_environment(environment)
    (command,) = re.findall(r"python -m service (\S+)", said["ExecStart"])
    assert command in COMMANDS
    folders = shlex.split(said["StateDirectory"])
    assert environment["NST_DATA"] == f"/var/lib/{folders[0]}"
    assert said["StateDirectoryMode"] == "0700"  # the database has the secret of webhooks


def test_the_service_has_the_time_that_it_takes_to_stop() -> None:
    assert float(section("nst.service")["TimeoutStopSec"]) > STOP_S
