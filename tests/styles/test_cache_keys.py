"""A cache key is all that a Gram depends on."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from styles.cached_grams import KEY

from service.styles.gram_keys import GramKey


@pytest.mark.parametrize("field", dataclasses.fields(GramKey), ids=lambda field: field.name)
def test_every_field_makes_another_key(field: dataclasses.Field[Any]) -> None:
    value = getattr(KEY, field.name)
    other = value[:1] if isinstance(value, tuple) else value + (1 if isinstance(value, int) else "x")
    changed: dict[str, Any] = {field.name: other}
    assert dataclasses.replace(KEY, **changed).blob != KEY.blob


def test_the_same_fields_make_the_same_key() -> None:
    assert GramKey("model", "image", 64, 48, ("relu1_1", "relu2_1")).blob == KEY.blob
    assert KEY.blob.startswith("grams/")


def test_what_is_swapped_or_joined_is_another_key() -> None:
    assert dataclasses.replace(KEY, width=48, height=64).blob != KEY.blob
    assert dataclasses.replace(KEY, layers=("relu1_1relu2_1",)).blob != KEY.blob
    assert dataclasses.replace(KEY, model="modeli", image="mage").blob != KEY.blob
