"""How long a key may count: an end that no calendar has is refused, and one that is stored already harms no list."""

from __future__ import annotations

import argparse
import math
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from sqlalchemy.sql.dml import UpdateBase

from service.api.schemas.resources import key_resource
from service.commands import keys as command
from service.errors import Forbidden, InvalidInput, Unauthorized
from service.storage.database import Database
from service.storage.tenant_schema import KeyRow
from service.tenants.keys import LONGEST_S, Keys, Maker
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
            Keys(database).add("default", "one", ALL, lifetime)
        assert Keys(database).page(None, (0.0, ""), 9) == []


@pytest.mark.parametrize("text", ["9999999d", "nan", "inf", "0", "", "36526d"])
def test_so_does_one_that_the_command_makes(own: str, text: str) -> None:
    with pytest.raises(InvalidInput, match="lifetime: must be"):
        run("add", "--lifetime", text)


def test_keys_are_listed_whatever_their_ends(own: str, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(Database(own)) as database:
        made = Keys(database).add("default", "one", ALL, LONGEST_S).row
        assert key_resource(made)["expires_at"].startswith("2")
        with database.writing() as session:
            made.expires_at = BEYOND
            session.merge(made)
    assert key_resource(made)["expires_at"] == "9999-12-31T23:59:59.000Z"
    run("list")
    assert "ends 9999-12-31T23:59:59.000Z" in capsys.readouterr().out


def test_a_key_counts_no_longer_than_the_one_that_makes_it(data_folder: Path) -> None:
    with closing(Database(f"sqlite:///{data_folder / 'service.db'}")) as database:
        keys = Keys(database)
        unending, own = (keys.add("default", "one", ALL, lifetime).row for lifetime in (None, 3600.0))
        limited, ends = Keys(database, Maker(key_id=own.id)), own.expires_at
        assert ends
        made = limited.add("default", "two", ALL)
        assert made.row.expires_at == ends
        assert limited.add("default", "three", ALL, expires_at=ends).row.expires_at == ends
        assert (limited.add("default", "four", ALL, 60.0).row.expires_at or ends) < ends
        for late in (ends + 0.5, ends + 3600):
            with pytest.raises(InvalidInput, match="expires_at: must not be later"):
                limited.add("default", "five", ALL, expires_at=late)
        assert limited.rotate(made.row.id).row.expires_at == ends
        with pytest.raises(Forbidden, match="ends later"):
            limited.rotate(unending.id)


def test_a_key_that_was_replaced_makes_keys_for_its_grace_alone(data_folder: Path) -> None:
    """Whatever the process knows of its end that let it in."""
    with closing(Database(f"sqlite:///{data_folder / 'service.db'}")) as database:
        keys = Keys(database)
        former = keys.add("default", "one", ALL).row.id
        keys.rotate(former, grace_s=3600.0)
        limited, ends = Keys(database, Maker(key_id=former)), keys.get(former).revoked_at
        assert ends
        assert limited.add("default", "two", ALL).row.expires_at == ends
        with pytest.raises(Forbidden, match="ends later"):
            limited.rotate(former)


@pytest.mark.parametrize("end", [update(KeyRow).values(expires_at=1.0), delete(KeyRow)])
def test_a_key_that_expired_or_is_gone_makes_no_key(data_folder: Path, end: UpdateBase) -> None:
    with closing(Database(f"sqlite:///{data_folder / 'service.db'}")) as database:
        keys = Keys(database)
        limited = Keys(database, Maker(key_id=keys.add("default", "one", ALL).row.id))
        with database.writing() as session:
            session.execute(end)
        with pytest.raises(Unauthorized, match="has ended"):
            limited.add("default", "two", ALL)
