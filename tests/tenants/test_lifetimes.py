"""How long a key may count: an end that no calendar has is refused, and one that is stored already harms no list."""

from __future__ import annotations

import argparse
import math
from contextlib import closing
from pathlib import Path

import pytest

from service.api.schemas.resources import key_resource
from service.commands import keys as command
from service.errors import InvalidInput
from service.storage.database import Database
from service.tenants.keys import LONGEST_S, OPERATOR, Keys
from service.tenants.scopes import ALL

BEYOND = 1e15  # seconds since 1970, in the year 31,690,708


def run(*words: str) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    command.run(parser.parse_args(words))


@pytest.fixture
def own(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of the database that the commands use."""
    monkeypatch.setenv("NST_DATA", str(data_folder))
    return f"sqlite:///{data_folder / 'service.db'}"


@pytest.mark.parametrize("lifetime", [math.nan, math.inf, LONGEST_S + 1, 0.0, -1.0])
def test_a_key_counts_for_a_hundred_years_at_most(data_folder: Path, lifetime: float) -> None:
    with closing(Database(f"sqlite:///{data_folder / 'service.db'}")) as database:
        with pytest.raises(InvalidInput, match="expires_at: must be"):
            Keys(database).add(OPERATOR, "default", "one", ALL, lifetime)
        assert Keys(database).page(OPERATOR, None, (0.0, ""), 9) == []


@pytest.mark.parametrize("text", ["9999999d", "nan", "inf", "0", "", "36526d"])
def test_so_does_one_that_the_command_makes(own: str, text: str) -> None:
    with pytest.raises(InvalidInput, match="lifetime: must be"):
        run("add", "--lifetime", text)


def test_keys_are_listed_whatever_their_ends(own: str, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(Database(own)) as database:
        made = Keys(database).add(OPERATOR, "default", "one", ALL, LONGEST_S).row
        assert key_resource(made)["expires_at"].startswith("2")
        with database.writing() as session:
            made.expires_at = BEYOND
            session.merge(made)
    assert key_resource(made)["expires_at"] == "9999-12-31T23:59:59.000Z"
    run("list")
    assert "ends 9999-12-31T23:59:59.000Z" in capsys.readouterr().out
