"""The dialplan: reading it, finding a step, filling in variables and functions."""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .channel import Channel
    from .pbx import Pbx

_LINE = re.compile(r"^(exten|same)\s*=>?\s*(.*)$")
_STEP = re.compile(r"^\s*(n|\d+|hint)\s*(?:\((\w+)\))?\s*,\s*(.*)$", re.DOTALL)
_APP = re.compile(r"^(\w+)\s*(?:\((.*)\))?\s*$", re.DOTALL)
_SUM = re.compile(r"\s*(-?\d{1,9}) ([+-]) (\d{1,9})\s*")
MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class DialplanStep:
    """One priority of an extension."""

    app: str
    data: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Feature:
    """An in-call code of ``features.conf`` ``[applicationmap]`` that runs a Gosub."""

    name: str
    code: str
    context: str
    exten: str = "s"
    priority: int = 1
    args: tuple[str, ...] = ()
    on_peer: bool = False
    """Runs on the other party's channel instead of the presser's."""


@dataclass(slots=True)
class Dialplan:
    """Contexts of extensions of steps."""

    entry_context: str = "from-sip"
    """Where calls of telephones come in."""
    contexts: dict[str, dict[str, list[DialplanStep]]] = field(default_factory=dict)

    def find(self, context: str, exten: str, priority: int) -> DialplanStep | None:
        """The step at a place; an exact extension goes before a pattern."""
        extens = self.contexts.get(context, {})
        steps = extens.get(exten)
        if steps is None:
            matches = (known for known in extens if known[:1] == "_" and _matches(known, exten))
            steps = extens.get(next(matches, ""))
        if steps is None or not 0 < priority <= len(steps):
            return None
        return steps[priority - 1]

    def exists(self, context: str, exten: str) -> bool:
        """Whether an extension is there."""
        return self.find(context, exten, 1) is not None

    def label(self, context: str, exten: str, name: str) -> int:
        """Priority of a label or number; 0 when there is none."""
        if name.isdigit():
            return int(name)
        priority = 1
        while (step := self.find(context, exten, priority)) is not None:
            if step.label == name:
                return priority
            priority += 1
        return 0

    def read(self, text: str) -> Dialplan:
        """Add the contexts of an ``extensions.conf`` text. Raises ValueError naming the line."""
        extens: dict[str, list[DialplanStep]] | None = None
        exten = ""
        for number, raw in enumerate(text.splitlines(), 1):
            line = re.sub(r"(?<!\\);.*$", "", raw).strip().replace("\\;", ";")
            if not line or line.startswith("#"):
                continue
            if line.startswith("["):
                extens = self.contexts.setdefault(line[1 : line.index("]")], {})
                continue
            match = _LINE.match(line)
            if match is None or extens is None:
                if match is None and re.match(r"^\w+\s*=", line):
                    continue  # include, ignorepat, switch, and what [general] or [globals] set
                raise ValueError(f"dialplan line {number}: cannot read {raw.strip()!r}")
            rest = match[2]
            if match[1] == "exten":
                exten, _, rest = rest.partition(",")
                exten = exten.strip()
            step, app = _STEP.match(rest), None
            if step is not None:
                app = _APP.match(step[3].strip())
            if step is None or (step[1] != "hint" and app is None):
                raise ValueError(f"dialplan line {number}: cannot read {raw.strip()!r}")
            if step[1] != "hint" and app is not None:
                added = DialplanStep(app[1], app[2] or "", step[2] or "")
                extens.setdefault(exten, []).append(added)
        return self


_WILD = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": ".+", "!": ".*"}


def _matches(pattern: str, exten: str) -> bool:
    """Whether an extension fits a pattern (``_`` first). n, x and z are pattern letters too."""
    parts = re.findall(r"\[[^]]*\]|.", pattern[1:])
    expression = "".join(
        part if part[0] == "[" else _WILD.get(part.upper(), re.escape(part)) for part in parts
    )
    return re.fullmatch(expression, exten) is not None


def arguments(text: str) -> list[str]:
    """Split an application's argument at commas outside parentheses and quotes."""
    parts, depth, quoted, start = [], 0, False, 0
    for index, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char in "([" and not quoted:
            depth += 1
        elif char in ")]" and not quoted:
            depth -= 1
        elif char == "," and depth <= 0 and not quoted:
            parts.append(text[start:index])
            start = index + 1
    parts.append(text[start:])
    return parts


def substitute(pbx: Pbx, channel: Channel, text: str, depth: int = 0) -> str:
    """Fill in ``${…}`` and ``$[…]``, innermost first."""
    if "$" not in text or depth > MAX_DEPTH:
        return text
    out, index = [], 0
    while index < len(text):
        opener = text[index : index + 2]
        if opener in ("${", "$["):
            end = _closing(text, index + 1)
            inner = substitute(pbx, channel, text[index + 2 : end], depth + 1)
            if opener == "${":
                out.append(_value(pbx, channel, inner))
            else:
                out.append(_expression(inner))
            index = end + 1
        else:
            out.append(text[index])
            index += 1
    return "".join(out)


def _closing(text: str, start: int) -> int:
    pairs = {"{": "}", "[": "]"}
    opener, closer, depth = text[start], pairs[text[start]], 0
    for index in range(start, len(text)):
        if text[index] == opener:
            depth += 1
        elif text[index] == closer:
            depth -= 1
            if depth == 0:
                return index
    return len(text)


_BUILTINS = {
    "EXTEN": "exten",
    "CONTEXT": "context",
    "PRIORITY": "priority",
    "UNIQUEID": "uniqueid",
    "CHANNEL": "name",
}


def _value(pbx: Pbx, channel: Channel, inner: str) -> str:
    cut = re.match(r"^(.*?):(-?\d+)(?::(-?\d+))?$", inner, re.DOTALL)
    if cut is not None:
        whole, offset = _value(pbx, channel, cut[1]), int(cut[2])
        part = whole[offset:]
        return part if cut[3] is None else part[: int(cut[3])]
    if inner.endswith(")") and "(" in inner:
        return function(pbx, channel, inner)
    builtin = _BUILTINS.get(inner)
    if builtin is not None:
        return str(getattr(channel, builtin))
    if inner in channel.variables:
        return channel.value(inner)
    return pbx.globals.get(inner, "")


def function(pbx: Pbx, channel: Channel, call: str) -> str:
    """Read a dialplan function; one not known here reads empty."""
    name, _, rest = call[:-1].partition("(")
    args = arguments(rest)
    first = args[0]
    if name == "FILTER" and len(args) > 1:
        # Byte by byte, as Asterisk does: \\x80-\\xff lets letters of any script through.
        given = rest[len(first) + 1 :].encode("utf-8", "surrogateescape").decode("latin-1")
        kept = re.sub(f"[^{first}]", "", given).encode("latin-1")
        return kept.decode("utf-8", "surrogateescape")
    if name == "URIENCODE":
        encoded = rest.encode("utf-8", "surrogateescape")
        return urllib.parse.quote(encoded, safe="-_.!~*'()")
    if name == "IMPORT" and len(args) > 1:
        other = pbx.find(first)
        return other.value(args[1]) if other is not None else ""
    if name == "PJSIP_ENDPOINT":
        return pbx.dialplan.entry_context if "context" in args[1:] else ""
    if name == "LEN":
        return str(len(rest))
    if name == "CALLERID":
        return {"num": channel.cid_num, "name": channel.cid_name}.get(first, "")
    if name == "CHANNEL":
        known = {"name": channel.name, "linkedid": channel.linkedid, "uniqueid": channel.uniqueid}
        known["endpoint"] = channel.phone.name if channel.phone is not None else ""
        known["channeltype"] = channel.name.partition("/")[0]
        return known.get(first, "")
    if name == "PJSIP_HEADER" and len(args) > 1:
        return channel.headers.get(args[1].lower(), "")
    if name == "IF":
        test, _, branches = rest.partition("?")
        yes, _, no = branches.partition(":")
        return yes if test.strip() not in ("", "0") else no
    if name == "REGEX":
        found = re.match(r'\s*"(.*?)"\s?(.*)$', rest, re.DOTALL)
        return "1" if found is not None and re.search(found[1], found[2]) else "0"
    if name == "ISNULL":
        return "0" if first else "1"
    if name == "EXISTS":
        return "1" if first else "0"
    return channel.value(call)


def _expression(text: str) -> str:
    """``$[…]``: comparisons joined by & and |, plain values, and one sum or difference."""
    sum_of = _SUM.fullmatch(text)
    if sum_of is not None:
        return str(int(sum_of[1]) + int(sum_of[2] + sum_of[3]))
    return "1" if _any(text) else "0"


def _any(text: str) -> bool:
    return any(
        all(_comparison(term) for term in alternative.split("&")) for alternative in text.split("|")
    )


def _comparison(term: str) -> bool:
    for operator in ("!=", ">=", "<=", "=", ">", "<"):
        left, found, right = term.partition(operator)
        if found:
            left, right = left.strip().strip('"'), right.strip().strip('"')
            if operator in ("=", "!="):
                return (left == right) is (operator == "=")
            try:
                a, b = float(left), float(right)
            except ValueError:
                return False
            return {">": a > b, "<": a < b, ">=": a >= b, "<=": a <= b}[operator]
    term = term.strip().strip('"')
    if term.startswith("!"):
        return term[1:].strip() in ("", "0")
    return term not in ("", "0")
