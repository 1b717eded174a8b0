"""Sums over JSON columns, made by the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, case, func
from sqlalchemy.orm import InstrumentedAttribute, Session


def total_in(session: Session, column: InstrumentedAttribute[Any], name: str) -> ColumnElement[float]:
    """Return the SQL for the sum of a number in a JSON column; what is no amount counts as 0, as in `amount_in`."""
    found, zero = column[name], 0.0
    amount = case((found.as_float() > 0, found.as_float()), else_=zero)
    if session.get_bind().dialect.name == "postgresql":
        return func.sum(case((func.json_typeof(found) == "number", amount), else_=zero))
    is_number = func.json_type(column, f"$.{name}").in_(("integer", "real"))
    return func.sum(case((func.json_valid(column) == 1, case((is_number, amount), else_=zero)), else_=zero))
