"""Where settings come from: a TOML file and the environment, merged into one tree of tables."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PREFIX = "TANDEM_"
_FILE = "_FILE"
_MAX_SECRET_FILE = 65_536


_PLAIN = {
    "tuple_type": "expected a list in brackets",
    "dict_type": "expected a table",
    "model_type": "expected a table",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "string_type": "expected text in quotes",
}


class SettingsError(Exception):
    """A wrong setting; the text is one line that names it."""


def in_plain_words(kind: str, message: str) -> str:
    """What pydantic says of a wrong value (its error's type and message), without its own terms."""
    text = _PLAIN.get(kind) or message.removeprefix("Value error, ")
    return text.replace("Input should be", "must be", 1)


def from_toml(path: Path, *, required: bool) -> dict[str, Any]:
    """Read ``[server]`` and ``[pbx.*]`` of a file. Raises SettingsError."""
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except FileNotFoundError:
        if required:
            raise SettingsError(f"{path}: there is no such file") from None
        return {}
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not TOML: {_one_line(error)}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not TOML: byte {error.start} is not UTF-8") from None
    return values


def from_environment(
    values: dict[str, Any],
    environment: Mapping[str, str],
    known: Sequence[str],
    secrets: Sequence[str],
    lists: Sequence[str],
    tables: Sequence[str] = (),
) -> dict[str, str]:
    """Put what the environment sets into `values`; what is there is replaced.

    Gives, for each setting it put, the variable it came from. `known` and the others are setting
    names in which ``*`` stands for a table's name. Raises SettingsError.
    """
    origins: dict[str, str] = {}
    for variable, text in sorted(environment.items()):
        parts = variable.split("__")
        if len(parts) < 2 or parts[0] not in (f"{PREFIX}SERVER", f"{PREFIX}PBX"):
            continue
        path = [parts[0].removeprefix(PREFIX).lower(), *(part.lower() for part in parts[1:])]
        setting = _matching(path, known)
        from_file = False
        if variable.endswith(_FILE):
            shorter = [*path[:-1], path[-1].removesuffix(_FILE.lower())]
            as_secret = _matching(shorter, secrets)
            if as_secret is not None:
                path, setting, from_file = shorter, as_secret, True
        if setting is None:
            if path[0] == "pbx":
                continue  # a connector's setting
            raise SettingsError(f"{variable}: there is no such setting")
        value: Any = _content(variable, text) if from_file else text
        if setting in lists:
            value = _list(variable, value)
        elif setting in tables:
            value = _json(variable, value, dict, "a table")
        origins[".".join(_put(variable, values, path, value))] = variable
    return origins


def _matching(path: Sequence[str], names: Sequence[str]) -> str | None:
    for name in names:
        parts = name.split(".")
        if len(parts) == len(path) and all(
            want in ("*", got) and got for want, got in zip(parts, path, strict=True)
        ):
            return name
    return None


def _content(variable: str, file: str) -> str:
    try:
        with Path(file).open(encoding="utf-8") as opened:
            text = opened.read(_MAX_SECRET_FILE + 1)
    except OSError as error:
        raise SettingsError(f"{variable}: {file} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{variable}: {file} is not UTF-8 text") from None
    if len(text) > _MAX_SECRET_FILE:
        raise SettingsError(f"{variable}: {file} is too long for a secret")
    return text.strip("\r\n")


def _list(variable: str, text: str) -> list[Any]:
    if not text.lstrip().startswith("["):
        return [item.strip() for item in text.split(",") if item.strip()]
    found: list[Any] = _json(variable, text, list, "a list")
    return found


def _json(variable: str, text: str, kind: type, said: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"{variable}: not JSON: {_one_line(error)}") from None
    if not isinstance(value, kind):
        raise SettingsError(f"{variable}: expected {said}")
    return value


def _put(variable: str, values: dict[str, Any], path: Sequence[str], value: Any) -> list[str]:
    """Set `value` at `path`.

    A variable's name has no capitals of its own and no hyphens: ``TANDEM_PBX__HQ_2__KEY`` is meant
    for a table ``[pbx.HQ-2]``, if there is one.
    """
    table = values
    real: list[str] = []
    for depth, part in enumerate(path):
        key = next((key for key in table if key.lower().replace("-", "_") == part), part)
        real.append(key)
        if depth == len(path) - 1:
            table[key] = value
            break
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise SettingsError(f"{variable}: {'.'.join(real)} is not a table")
    return real


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
