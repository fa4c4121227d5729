"""The dialplan ``inline``: the applications stand in the destination itself."""

from __future__ import annotations

from .dialplan import Action

DIALPLAN = "inline"


def actions(text: str) -> list[Action]:
    """``answer,park`` or, with another separator, ``m:^:answer^park``; each ``app[:data]``."""
    separator = ","
    if text[:2] == "m:" and text[3:4] == ":":
        separator, text = text[2], text[4:]
    found = []
    for step in text.split(separator):
        app, _, data = step.strip().partition(":")
        if app:
            found.append(Action(app, data))
    return found
