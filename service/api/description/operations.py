"""The blueprint of the API's views: operations, which only name the schemas of their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_openapi3 import APIBlueprint
from pydantic import BaseModel

from service.api.description.extras import REFERENCE


class Operations(APIBlueprint):
    """A blueprint whose description names the schemas of answers; `extras.complete` adds each schema once.

    flask-openapi3 would make a schema anew for every answer of every operation, each time that a web process starts.
    """

    def __init__(self, name: str, import_name: str, **about: Any) -> None:
        super().__init__(name, import_name, operation_id_callback=_operation_id, **about)
        self.abp_responses = _named(self.abp_responses)

    def _collect_openapi_info(
        self, rule: str, func: Callable[..., Any], *, responses: Mapping[str, Any] | None = None, **about: Any
    ) -> Any:
        return super()._collect_openapi_info(rule, func, responses=_named(responses or {}), **about)


def _operation_id(*, name: str, path: str, method: str) -> str:
    """Return the name of an operation in generated clients: the name of its view."""
    return name


def _named(responses: Mapping[str, Any]) -> dict[str, Any]:
    """Return responses with the name of its schema in place of each model."""
    return {status: _reference(it) if _is_model(it) else it for status, it in responses.items()}


def _is_model(response: Any) -> bool:
    return isinstance(response, type) and issubclass(response, BaseModel)


def _reference(model: type[BaseModel]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": f"{REFERENCE}{model.__name__}"}}}}
