"""Settings of one connector: its ``[pbx.NAME]`` table and what the environment says over it.

``TANDEM_PBX__HQ__SECRET`` overrides ``[pbx.hq] secret``; for a secret ``…__SECRET_FILE`` names a
file that holds it. Lists and tables are JSON in the environment. Other tables of the file
belong to the server and are not read here. Every default is a field's default below.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from connectors.menus import Menu, address, menus

DEFAULT_CONFIG = "tandem.toml"
_PREFIX = "TANDEM_PBX__"
_SECRETS = ("secret", "key")
_DEFAULT_PORTS = {"asterisk": 5038, "freeswitch": 8021}


class SettingsError(Exception):
    """A wrong setting; the message is one line that begins with the setting's name."""


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from None
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{value!r} is not the address of a server, http://… or https://…")
    return value.rstrip("/")


def _one_line(value: object) -> object:
    """No value may end a line: they go into AMI actions."""
    if isinstance(value, str) and any(character in value for character in "\r\n\0"):
        raise ValueError("it must be one line")
    return value


def _domain(value: str) -> str:
    if not re.fullmatch(r"(?!sips?:)[^\s@/]+", value):
        raise ValueError(f"{value!r} is not a domain, such as pbx.example.org")
    return value


def _context(value: str) -> str:
    if value and not re.fullmatch(r"(?a:\w[\w.-]{0,78})", value):
        raise ValueError(f"{value!r} is not the name of a context, such as from-internal")
    return value


def _authority(value: str) -> str:
    if value and not Path(value).is_file():
        raise ValueError(f"{value}: there is no such file")
    return value


def _agent_uri(value: str) -> str:
    if not re.fullmatch(r"(sips?|tel|mailto):[^\s<>]+", value):
        raise ValueError(f"{value!r} is not an agent's URI, such as sip:wang@example.org")
    return value


Text = Annotated[str, StringConstraints(min_length=1, max_length=500), BeforeValidator(_one_line)]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=500), BeforeValidator(_one_line)]
Pattern = Annotated[str, AfterValidator(_pattern)]


class PbxSettings(BaseModel):
    """One ``[pbx.NAME]`` table, checked. Immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """From the table's name, not a key."""
    kind: Literal["asterisk", "freeswitch"]
    server: Annotated[Text, AfterValidator(_url)] = "http://127.0.0.1:8080"
    """The collaboration server, as this connector reaches it; no slash at the end."""
    key: Secret
    """What this PBX's connectors show to the server."""
    host: Text = "127.0.0.1"
    port: int = Field(ge=1, le=65535)
    """Asterisk 5038, FreeSWITCH 8021 when not given."""
    tls: bool = False
    ca: Annotated[str, AfterValidator(_authority)] = ""
    """PEM file of the certificate authority; empty: those the machine trusts."""
    username: Text = "tandem"
    secret: Secret
    domain: Annotated[Text, AfterValidator(_domain)]
    agent_endpoints: tuple[Pattern, ...] = ()
    trust_headers: tuple[Pattern, ...] = ()
    dial_context: Annotated[str, AfterValidator(_context)] = ""
    max_placeholders: int = Field(default=50, ge=0)
    country: str = ""
    """Only the server reads it: it compares numbers."""
    outbox: Text
    """Path of the SQLite file; ``NAME-outbox.db`` when not given."""
    agents: dict[str, Annotated[str, AfterValidator(_agent_uri)]] = {}
    outbound: Annotated[str, BeforeValidator(_one_line)] = ""
    """FreeSWITCH only: where its outbound event socket is served; empty: nowhere."""
    menus: dict[str, Menu] = Field(default={}, validate_default=True)
    """Keypad menus that are served there, by their names."""

    @field_validator("outbound")
    @classmethod
    def _outbound(cls, value: str, info: ValidationInfo) -> str:
        return address(value, info.data.get("kind"))

    @field_validator("menus")
    @classmethod
    def _menus(cls, value: dict[str, Menu], info: ValidationInfo) -> dict[str, Menu]:
        return menus(value, info.data)


def load(name: str, config: str | None, environment: Mapping[str, str]) -> PbxSettings:
    """The settings of PBX `name`.

    `config` is the file's path, None for `DEFAULT_CONFIG`, which may be missing when the
    environment says it all. Raises `SettingsError`.
    """
    tables = _read(Path(config or DEFAULT_CONFIG), required=config is not None)
    pbxs = tables.get("pbx", {})
    if not isinstance(pbxs, dict):
        raise SettingsError("pbx: expected tables [pbx.NAME]")
    table = pbxs.get(name, {})
    if not isinstance(table, dict):
        raise SettingsError(f"pbx.{name}: expected a table [pbx.{name}]")
    overrides, sources = _from_environment(name, environment)
    if not table and not overrides:
        there = ", ".join(sorted(pbxs)) or "none"
        file = config or DEFAULT_CONFIG
        if not Path(file).exists():
            raise SettingsError(f"{file}: no such file in {Path.cwd()} (name one with --config)")
        raise SettingsError(f"pbx.{name}: no such PBX in {file} (PBXs there: {there})")
    values = {**table, **overrides}
    if "name" in values:
        raise SettingsError(f"{sources.get('name', f'pbx.{name}.name')}: unknown setting")
    values["name"] = name
    values.setdefault("port", _DEFAULT_PORTS.get(str(values.get("kind")), 5038))
    values.setdefault("outbox", f"{name}-outbox.db")
    try:
        return PbxSettings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_first_problem(name, error, sources)) from None


def _read(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if required:
            raise SettingsError(f"{path}: no such file (--config)") from None
        return {}
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).partition(" (at ")
        line = re.search(r"line \d+", where)
        at = line.group() if line else "its end"
        raise SettingsError(f"{path}: {at}: not TOML: {what}") from None


def _from_environment(
    name: str, environment: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Overrides for PBX `name`, and the variable each came from."""
    prefix = _prefix(name)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for variable, value in sorted(environment.items()):
        if not variable.upper().startswith(prefix):
            continue
        key = variable[len(prefix) :].lower()
        secret = key.removesuffix("_file")
        if key != secret and secret in _SECRETS:
            if secret not in values:
                values[secret] = _secret_file(variable, value)
                sources[secret] = variable
            continue
        values[key] = _parsed(variable, key, value)
        sources[key] = variable
    return values, sources


def _prefix(name: str) -> str:
    return _PREFIX + re.sub(r"\W", "_", name).upper() + "__"


def _secret_file(variable: str, path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SettingsError(f"{variable}: {path}: {why}") from None


def _parsed(variable: str, key: str, value: str) -> Any:
    """Lists and tables are JSON; pydantic reads numbers and booleans from text."""
    if key not in ("agent_endpoints", "trust_headers", "agents", "menus"):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        raise SettingsError(f"{variable}: expected JSON, a list or a table") from None


def _first_problem(name: str, error: ValidationError, sources: Mapping[str, str]) -> str:
    """One line for the first wrong setting; never its value where that is a secret."""
    problems = error.errors(include_url=False, include_context=False)
    # A misspelled name explains the missing one, not the other way round.
    problem = min(problems, key=lambda each: each["type"] != "extra_forbidden")
    key = str(problem["loc"][0])
    setting = ".".join(["pbx", name, *(str(part) for part in problem["loc"])])
    if key in sources:
        setting = ".".join([sources[key], *(str(part) for part in problem["loc"][1:])])
    if problem["type"] == "extra_forbidden":
        return f"{setting}: unknown setting"
    if problem["type"] == "missing":
        variable = _prefix(name) + key.upper()
        return f"{setting}: missing (set it in the file, or as {variable})"
    what = _PLAIN.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
    given = problem["input"]
    if problem["type"] not in ("value_error", "string_too_short") and key not in _SECRETS:
        what += f", not {given!r}" if isinstance(given, str | int) else ""
    return f"{setting}: {what[:1].lower()}{what[1:]}"


_PLAIN = {
    "tuple_type": "expected a list in brackets",
    "dict_type": "expected a table",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "string_type": "expected text in quotes",
    "string_too_short": "it must not be empty",
    "too_short": "it must not be empty",
}
"""What pydantic says in the words of its own types."""
