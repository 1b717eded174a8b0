"""Token buckets of tenants, on a clock that the test sets."""

from __future__ import annotations

import pytest

from service.errors import LimitExceeded
from service.tenants import rates
from service.tenants.rates import Left, Rates


def test_a_bucket_fills_up_and_a_check_takes_nothing() -> None:
    clock = 1000.0
    limiter = Rates(lambda: clock)
    assert [limiter.take("acme", 0.5, 2) for _ in range(2)] == [Left(1, 2.0), Left(0, 2.0)]
    clock += 1
    for ask in (limiter.check, limiter.take):
        with pytest.raises(LimitExceeded) as caught:
            ask("acme", 0.5, 2)
        assert caught.value.retry_after == 1
    clock += 1
    limiter.check("acme", 0.5, 2)
    assert limiter.take("acme", 0.5, 2) == Left(0, 2.0)
    clock += 100
    assert limiter.take("acme", 0.5, 2).requests == 1


def test_a_bucket_too_many_takes_the_place_of_the_one_that_was_used_least_lately(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rates, "SETS", 1)
    clock = 1000.0
    limiter = Rates(lambda: clock)
    names = [str(number) for number in range(rates.WAYS)]
    for name in [*names, "0"]:
        clock += 1
        limiter.take(name, 0.01, 9)
    assert limiter.take("new", 0.01, 9).requests == 8  # it begins full
    assert limiter.take("0", 0.01, 9).requests == 6
    assert limiter.take("2", 0.01, 9).requests == 7
    assert limiter.take("1", 0.01, 9).requests == 8  # its bucket was replaced, and it has a full one again
