"""The rule of hosts over names whose addresses the test gives, and what it says of a URL."""

from __future__ import annotations

import pytest

from service.errors import InvalidInput
from service.outbound.hosts import WEBHOOKS, Hosts

PUBLIC = "93.184.215.14"
PUBLIC_IPV6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


def with_addresses(*addresses: str, entries: tuple[str, ...] = ("hooks.example.com",)) -> Hosts:
    """The rule, where every name has these addresses."""
    return Hosts(WEBHOOKS, entries, lambda host, port: list(addresses))


def refusal(rule: Hosts, url: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        rule.check_url(url)
    assert [error.loc for error in caught.value.errors] == ["callback_url"]
    return caught.value.detail
