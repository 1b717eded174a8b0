"""Worker processes of one machine share its GPUs out among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.machine.devices import VISIBLE, device_variables


@pytest.fixture
def four_gpus(tmp_path: Path) -> Path:
    """A folder as the driver has it."""
    for bus in ("0000:17:00.0", "0000:2a:00.0", "0000:bd:00.0", "0000:ca:00.0"):
        (tmp_path / "gpus" / bus).mkdir(parents=True)
    return tmp_path / "gpus"


def names(count: int, device: str, environ: dict[str, str], gpus: Path) -> list[str | None]:
    return [device_variables(number, device, environ, gpus).get(VISIBLE) for number in range(count)]


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_each_process_gets_a_gpu_and_a_fifth_shares_the_first(four_gpus: Path, device: str) -> None:
    assert names(5, device, {}, four_gpus) == ["0", "1", "2", "3", "0"]


def test_the_operators_choice_is_what_is_shared_out(four_gpus: Path) -> None:
    chosen = {VISIBLE: "2, GPU-8f6a,MIG-41c0"}
    assert names(4, "cuda", chosen, four_gpus) == ["2", "GPU-8f6a", "MIG-41c0", "2"]


def test_an_operator_who_hides_all_gpus_is_obeyed(four_gpus: Path) -> None:
    assert names(2, "auto", {VISIBLE: ""}, four_gpus) == [None, None]  # the empty variable is left as it is
    assert names(2, "auto", {VISIBLE: "-1"}, four_gpus) == ["-1", "-1"]


def test_nothing_is_set_without_gpus_or_for_the_cpu(four_gpus: Path, tmp_path: Path) -> None:
    assert names(2, "auto", {}, tmp_path / "no driver") == [None, None]
    assert names(2, "cpu", {}, four_gpus) == [None, None]
    assert names(2, "cpu", {VISIBLE: "0,1"}, four_gpus) == [None, None]
