"""The JSON of events: a flat object of strings and lists of strings, read by orjson.

That keeps the last of members that have one name, and does not tell of the others. But no JSON of
what it has read is shorter than what it writes itself; so nothing is repeated in a body of that
length, and only a longer one is looked through.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from operator import itemgetter

import orjson

LIST = "ARRAY::"
"""How FreeSWITCH begins a list in a plain event; ``|:`` parts its items."""

Repeated = dict[str, tuple[str, ...]]
"""Names that occur more than once, with all their values in order."""


class _Pairs(list[tuple[str, object]]):
    """An object's members, those that occur twice too."""


_DECODER = json.JSONDecoder(object_pairs_hook=_Pairs, strict=False)


def headers_of(body: bytes) -> tuple[dict[str, str], Repeated] | None:
    """The members of an object; of a name that occurs twice the last value. None if it is no
    object; raises `ValueError` or `RecursionError` if it is no JSON."""
    try:
        headers = orjson.loads(body)
    except orjson.JSONDecodeError:  # it refuses invalid UTF-8, and what stands for half a character
        return _of_any(body)
    if type(headers) is not dict:
        return None
    lists: list[str] = []
    try:
        "".join(headers.values())  # the quickest way to see that all of them are strings
    except TypeError:
        lists = [name for name, value in headers.items() if type(value) is not str]
        if not all(_is_list(headers[name]) for name in lists):
            return _of_any(body)
    longer = len(body) - len(orjson.dumps(headers))
    for name in lists:
        headers[name] = LIST + "|:".join(headers[name])
    if not longer:
        return headers, {}
    # FreeSWITCH gives the cause twice when a channel ends, and mostly that is all.
    cause = headers.get("Hangup-Cause", "")
    again = b',"Hangup-Cause":%b' % orjson.dumps(cause)
    if longer == len(again) and body.count(again) == 2:
        return headers, {"Hangup-Cause": (cause, cause)}
    return headers, repeated_of(headers, _DECODER.decode(body.decode()))


def _is_list(value: object) -> bool:
    """Whether it is a list as FreeSWITCH writes it: of strings only."""
    return type(value) is list and all(type(item) is str for item in value)


def _of_any(body: bytes) -> tuple[dict[str, str], Repeated] | None:
    read = _DECODER.decode(body.decode("utf-8", "replace"))
    if not isinstance(read, _Pairs):
        return None
    pairs = [(_valid(name), _text(value)) for name, value in read]
    headers = dict(pairs)
    return headers, repeated_of(headers, pairs)


def repeated_of(headers: dict[str, str], pairs: Sequence[tuple[str, object]]) -> Repeated:
    """What is repeated among `pairs`, which came to `headers`."""
    if len(headers) == len(pairs):
        return {}
    times = Counter(map(itemgetter(0), pairs))
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        if times[name] > 1:
            values.setdefault(name, []).append(_text(value))
    return {name: tuple(found) for name, found in values.items()}


def _text(value: object) -> str:
    """A value as FreeSWITCH writes it in a plain event."""
    if isinstance(value, str):
        return _valid(value)
    if isinstance(value, list) and not isinstance(value, _Pairs):
        return LIST + "|:".join(_text(item) for item in value)
    return _valid(json.dumps(value))


def _valid(text: str) -> str:
    """Half a surrogate pair, which an escape can name, is no text."""
    return text.encode("utf-8", "replace").decode()
