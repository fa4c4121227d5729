"""The JSON that FreeSWITCH writes, read by its quotes: faster than by a JSON parser."""

from __future__ import annotations

import json

LIST = "ARRAY::"
"""How FreeSWITCH begins a list in a plain event; ``|:`` parts its items."""
_LISTS_LIMIT = 50
"""Lists of one event that are read the short way; more would take quadratic time."""

_DECODER = json.JSONDecoder(strict=False)


def strings_of(text: str) -> list[str] | None:
    """The strings of the JSON that FreeSWITCH writes, names and values by turns.

    That is one flat object without white space, of strings and lists of strings. None where it
    is anything else, or might be: a JSON parser then reads it, which takes longer. Every quote
    that is not escaped begins or ends a string, so what stands between the strings shows the
    structure, and nothing inside one can imitate it.
    """
    escaped = "\\" in text
    if escaped:
        if "\\\\" in text:
            return None  # an escaped backslash could stand before a quote that ends a string
        text = text.replace('\\"', "\\u0022")
    parts = text.split('"')
    between, strings = parts[::2], parts[1::2]
    for _ in range(_LISTS_LIMIT):
        if ":[" not in between:
            break
        start = between.index(":[")
        stop = start + 1
        while stop < len(between) and between[stop] == ",":
            stop += 1
        if stop == len(between) or between[stop] not in ("],", "]}"):
            return None
        strings[start:stop] = [LIST + "|:".join(strings[start:stop])]
        between[start : stop + 1] = [":", between[stop][1:]]
    count = len(strings) // 2
    if (
        len(between) != 2 * count + 1
        or between[0] != "{"
        or between[-1] != "}"
        or between[1::2].count(":") != count
        or between[2:-1:2].count(",") != count - 1
    ):
        return None
    if escaped:
        return [_unescaped(string) if "\\" in string else string for string in strings]
    return strings


def _unescaped(string: str) -> str:
    return valid(_DECODER.raw_decode(f'"{string}"')[0])


def valid(text: str) -> str:
    """Half a surrogate pair, which an escape can name, is no text."""
    return text.encode("utf-8", "replace").decode()
