"""The garbage collector while a process loads its modules."""

from __future__ import annotations

import gc

import pytest

from service.machine.loading import loading


def test_what_is_loaded_is_passed_over_by_later_collections() -> None:
    before = gc.get_freeze_count()
    with loading():
        assert not gc.isenabled()
        module = [["stays"]]
    assert gc.isenabled()
    assert gc.get_freeze_count() > before
    assert not any(kept is module for kept in gc.get_objects())


def test_a_failed_import_leaves_the_collector_on() -> None:
    with pytest.raises(ImportError), loading():
        raise ImportError
    assert gc.isenabled()
