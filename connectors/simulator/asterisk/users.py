"""Manager users of the simulated switch: secret, privilege classes, configured filters."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .filters import EventFilter

ALL_CLASSES = frozenset(
    (
        "system", "call", "log", "verbose", "command", "agent", "user", "config", "dtmf",
        "reporting", "cdr", "dialplan", "originate", "agi", "cc", "aoc", "test", "security",
        "message",
    )
)  # fmt: skip


def classes(text: str) -> frozenset[str]:
    """``read =``/``write =`` of manager.conf; ``all`` means every class."""
    names = frozenset(part.strip() for part in text.split(",") if part.strip())
    return ALL_CLASSES if "all" in names else names & ALL_CLASSES


@dataclass(frozen=True, slots=True)
class ManagerUser:
    """One user of ``manager.conf``."""

    name: str
    secret: str
    read: frozenset[str] = ALL_CLASSES
    write: frozenset[str] = ALL_CLASSES
    filters: tuple[EventFilter, ...] = ()


def users_from_conf(text: str, secrets: dict[str, str] | None = None) -> tuple[ManagerUser, ...]:
    """Users of a ``manager.conf`` text; `secrets` replaces what stands in it, by user name.

    Templates (``[name](!)``, ``[user](name,name)``) count. Raises ValueError naming a line that
    cannot be read.
    """
    sections: dict[str, dict[str, str]] = {}
    filters: dict[str, list[EventFilter]] = {}
    templates = {"general"}
    name = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(?<!\\);.*$", "", raw).strip()
        if not line or line.startswith("#"):
            continue
        head = re.match(r"^\[([^]]+)\](?:\(([^)]*)\))?$", line)
        key, value = _assignment(line)
        if head is not None:
            name, parents = head[1], (head[2] or "").split(",")
            sections[name], filters[name] = {}, []
            for parent in parents:
                sections[name].update(sections.get(parent, {}))
                filters[name] += filters.get(parent, [])
            if "!" in parents:
                templates.add(name)
        elif not key or not name:
            raise ValueError(f"manager.conf line {number}: cannot read {raw.strip()!r}")
        elif key.startswith("eventfilter"):
            criteria = key[len("eventfilter") :]
            filters[name].append(EventFilter.parse(criteria[1:-1], value))
        else:
            sections[name][key] = value
    return tuple(
        ManagerUser(
            name,
            (secrets or {}).get(name, values.get("secret", "")),
            classes(values.get("read", "")),
            classes(values.get("write", "")),
            tuple(filters[name]),
        )
        for name, values in sections.items()
        if name not in templates
    )


def _assignment(line: str) -> tuple[str, str]:
    """Split at the first ``=`` outside parentheses (``eventfilter(…) = …``)."""
    depth = 0
    for index, char in enumerate(line):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "=" and depth <= 0:
            return line[:index].strip(), line[index + 1 :].lstrip(">").strip()
    return "", ""
