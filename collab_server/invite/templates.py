"""Texts with places in braces, ``{link}``, filled in one pass: what is filled in is never read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

PLACES = ("number", "uri", "link", "brand", "text", "key")
_PLACE = re.compile(r"\{([^{}]*)\}")


def check(template: Any, places: Sequence[str] = PLACES) -> None:
    """Raise ValueError when a text, or one in a table or list, names a place there is not."""
    if isinstance(template, str):
        for name in _PLACE.findall(template):
            if name not in places:
                raise ValueError(f"{{{name}}} is no place; there are {', '.join(places)}")
    elif isinstance(template, Mapping):
        for value in template.values():
            check(value, places)
    elif isinstance(template, list):
        for value in template:
            check(value, places)


def fill(
    template: str, values: Mapping[str, str], write: Callable[[str], str] = lambda value: value
) -> str:
    """A text with its places filled; `write` encodes each value for where it stands."""
    return _PLACE.sub(lambda place: write(values[place[1]]), template)


def fill_all(template: Any, values: Mapping[str, str]) -> Any:
    """Fill the texts of a table or list, however deep; its keys stay as they are."""
    if isinstance(template, str):
        return fill(template, values)
    if isinstance(template, Mapping):
        return {name: fill_all(value, values) for name, value in template.items()}
    if isinstance(template, list):
        return [fill_all(value, values) for value in template]
    return template
