"""Request bodies: read within a limit, checked against a model, or refused by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from collab_server.problems import Invalid, NotFound, TooLarge, WrongMediaType

if TYPE_CHECKING:
    from collections.abc import Mapping

Model = TypeVar("Model", bound=BaseModel)

MAX_BODY = 64 * 1024
"""Bytes a body may have where nothing else is said."""


def refuse_nul() -> None:
    """Before each request: no address holds a NUL, and PostgreSQL could not look for it."""
    if "\0" in request.path:
        raise NotFound("an address holds no NUL")
    for name, value in request.args.items(multi=True):
        if "\0" in name + value:
            raise Invalid("a parameter holds no NUL", name.replace("\0", "") or "query")


def read_bytes(limit: int = MAX_BODY) -> bytes:
    """The request's body. Raises TooLarge."""
    request.max_content_length = limit
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise TooLarge(f"the body may have {limit} bytes", limit=limit) from None


def read(model: type[Model], limit: int = MAX_BODY) -> Model:
    """The request's JSON body as `model`. Raises TooLarge, WrongMediaType and Invalid."""
    return parse(model, read_bytes(limit))


def parse(model: type[Model], body: bytes) -> Model:
    """A JSON body as `model`. Raises WrongMediaType and Invalid."""
    kind = request.mimetype
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise WrongMediaType(f"the body is {kind}")
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise invalid(error) from None


def parse_query(model: type[Model], values: Mapping[str, str]) -> Model:
    """Query parameters as `model`; one without a value (``?state=``) asks for nothing.

    Raises Invalid.
    """
    try:
        return model.model_validate({name: value for name, value in values.items() if value})
    except ValidationError as error:
        raise invalid(error) from None


def invalid(error: ValidationError) -> Invalid:
    """The first thing that is wrong, and where."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "body"
    text = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        text = "there is no such field"
    return Invalid(f"{field}: {text}", field)
