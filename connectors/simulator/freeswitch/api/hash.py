"""mod_hash: values by realm and key, for as long as the switch runs."""

from __future__ import annotations

from .command import OK, Command, Request

USAGE = "-USAGE: insert|delete|select/realm/key/value"
KEPT = 10_000


async def _hash(request: Request) -> str:
    what, realm, key, value = [*request.text.split("/", 3), "", "", ""][:4]
    kept, name = request.pbx.hash, f"{realm}/{key}"
    if what == "insert" and realm and key and value and (name in kept or len(kept) < KEPT):
        kept[name] = value
        return OK
    if what == "select" and realm and key:
        return kept.get(name, "")
    if what == "delete" and realm and key:
        return OK if kept.pop(name, None) is not None else "-ERR Not found\n"
    return f"-ERR {USAGE}\n"


COMMANDS: dict[str, Command] = {"hash": _hash}
