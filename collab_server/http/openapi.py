"""The description of the API, made from the routes and the models they are checked against."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from collab_server.problems import BY_STATUS, MEDIA_TYPE

if TYPE_CHECKING:
    from flask import Flask

View = TypeVar("View", bound=Callable[..., Any])

_ATTRIBUTE = "__tandem_operation__"
_PATH_ARGUMENT = re.compile(r"<(?:[a-z]+:)?([a-z_]+)>")

AUTH = {
    "api": {"type": "http", "scheme": "bearer", "description": "A key of [server.api_keys]."},
    "site": {"type": "http", "scheme": "bearer", "description": "The key of a site."},
    "pbx": {"type": "http", "scheme": "bearer", "description": "The key of this PBX."},
    "desk": {"type": "apiKey", "in": "cookie", "name": "tandem_desk"},
    "participant": {"type": "apiKey", "in": "cookie", "name": "tandem_user"},
}


class ProblemDocument(BaseModel):
    """An error, as RFC 9457 has it; ``type`` is stable, 422 has ``field``, 410 has ``why``."""

    type: str
    title: str
    status: int
    detail: str | None = None
    field: str | None = None
    why: str | None = None


@dataclass(frozen=True)
class Operation:
    """What a route takes and gives."""

    summary: str
    answers: Mapping[int, type[BaseModel] | None]
    """Status -> model of the JSON body; None: no JSON body."""
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    auth: Sequence[str] = ()
    """Any one of these lets in; empty: everybody may."""
    problems: Sequence[int] = field(default=())
    headers: Sequence[str] = ()
    """Request headers that mean something here."""


def operation(
    summary: str,
    *,
    answers: Mapping[int, type[BaseModel] | None],
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    auth: Sequence[str] = (),
    problems: Sequence[int] = (),
    headers: Sequence[str] = (),
) -> Callable[[View], View]:
    """Describe a route."""
    described = Operation(summary, answers, body, query, auth, problems, headers)

    def mark(view: View) -> View:
        setattr(view, _ATTRIBUTE, described)
        return view

    return mark


def operations(app: Flask) -> Iterator[tuple[str, str, Operation | None]]:
    """Every route of the application as (path with {arguments}, method, description)."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        described = getattr(app.view_functions[rule.endpoint], _ATTRIBUTE, None)
        path = _PATH_ARGUMENT.sub(r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield path, method.lower(), described


def document(app: Flask) -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    described = [(p, m, o) for p, m, o in operations(app) if o is not None]
    models: set[type[BaseModel]] = {ProblemDocument}
    for _, _, one in described:
        models |= {model for model in (one.body, *one.answers.values()) if model is not None}
    _, definitions = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template="#/components/schemas/{model}",
    )
    paths: dict[str, dict[str, Any]] = {}
    for path, method, one in described:
        paths.setdefault(path, {})[method] = _described(path, one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tandem",
            "version": version("tandem"),
            "summary": "Shared workspaces for the calls of a PBX that already runs",
        },
        "paths": paths | _SOCKETS,
        "components": {"schemas": definitions.get("$defs", {}), "securitySchemes": AUTH},
    }


def _described(path: str, one: Operation) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{([a-z_]+)}", path)
    ]
    if one.query is not None:
        parameters += [
            {"name": name, "in": "query", "required": False, "schema": schema}
            for name, schema in one.query.model_json_schema()["properties"].items()
        ]
    parameters += [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
        for name in one.headers
    ]
    answers: dict[str, Any] = {}
    for status, model in one.answers.items():
        answers[str(status)] = {"description": "OK" if status < 300 else "See the text"}
        if model is not None:
            answers[str(status)]["content"] = {"application/json": _ref(model)}
    for status in one.problems:
        title = BY_STATUS[status].title if status in BY_STATUS else "The request is not valid"
        answers[str(status)] = {
            "description": "Too many attempts, see Retry-After" if status == 429 else title,
            "content": {MEDIA_TYPE: _ref(ProblemDocument)},
        }
    shown: dict[str, Any] = {"summary": one.summary, "parameters": parameters, "responses": answers}
    if one.body is not None:
        shown["requestBody"] = {
            "required": True,
            "content": {"application/json": _ref(one.body)},
        }
    shown["security"] = [{name: []} for name in one.auth]
    return shown


def _ref(model: type[BaseModel]) -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}


def _socket(summary: str, argument: str | None, auth: Sequence[str]) -> dict[str, Any]:
    parameters = []
    if argument:
        parameters.append(
            {"name": argument, "in": "path", "required": True, "schema": {"type": "string"}}
        )
    return {
        "get": {
            "summary": summary,
            "parameters": parameters,
            "responses": {"101": {"description": "Switching protocols: a web socket"}},
            "security": [{name: []} for name in auth],
        }
    }


_SOCKETS = {
    "/v1/sync/{session_id}": _socket(
        "The session's document: the y-websocket protocol, with a sync token", "session_id", ()
    ),
    "/v1/pbx/{name}/link": _socket("Commands for the connectors of a PBX", "name", ("pbx",)),
    "/v1/pairings/{pairing_id}/live": _socket(
        "What becomes of the code that this browser shows", "pairing_id", ()
    ),
    "/v1/desk/live": _socket("The agent's desk as it changes", None, ("desk",)),
    "/v1/floor/live": _socket("The floor as it changes, for supervisors", None, ("desk",)),
}
"""Web sockets, which are served beside Flask (`collab_server.realtime`)."""
