"""``fifo list``: the lines of mod_fifo; of each only its name and how many wait in it."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from .command import Command, Request


async def _fifo(request: Request) -> str:
    words = request.words
    if words[:1] != ["list"]:
        return "-ERR only fifo list is simulated\n"
    lines = request.pbx.fifos.lines.values()
    rows = [
        f'  <fifo name={quoteattr(line.name)} caller_count="{len(line.callers)}"></fifo>\n'
        for line in lines
        if not words[1:] or line.name == words[1]
    ]
    inside = "\n" + "".join(rows) if rows else ""
    return f"<fifo_report>{inside}</fifo_report>\n\n"


COMMANDS: dict[str, Command] = {"fifo": _fifo}
