"""Callers without a telephone and telephones in one queue of a real PBX: their order, its cost.

Server and connector run as an administrator runs them. A site posts calls while telephones call
the queue; then agents serve it. Judged is what the PBX itself says of the queue. Three in a hundred
of those who wait close their page; one in five of the agents who serve somebody without a telephone
hangs up, and is not to be given another call until that page is gone. As many telephones alone,
beside neither server nor connector, show the queue's own order. Then programs are killed.

Asterisk is unpacked as for the tests. A FreeSWITCH comes from no package: the one that
TANDEM_TEST_FREESWITCH=host:port:password names is measured, beside whatever it does.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.behaviour.conftest import NAMED
from tests.bench.line_asterisk import AsteriskLine
from tests.bench.line_freeswitch import FreeSwitchLine
from tests.bench.linekills import kills
from tests.bench.linerun import AGENTS, PHONES, Run, telephones_alone
from tests.bench.linesite import Site

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.bench.linepbx import LinePbx

SIZES = ((50, 0), (100, 0), (300, 0), (300, 50))
"""Calls without a telephone, and how many of them may stand on the PBX (0: all)."""
CHOSEN = "TANDEM_BENCH_LINE"
"""Other sizes, as ``50:0,300:50``, for a short look."""


def halves() -> list[LinePbx]:
    """The PBXs there are."""
    named = [FreeSwitchLine(os.environ[NAMED])] if NAMED in os.environ else []
    return [AsteriskLine(), *named]


def sizes() -> Sequence[tuple[int, int]]:
    chosen = os.environ.get(CHOSEN, "")
    if not chosen:
        return SIZES
    pairs = [each.partition(":") for each in chosen.split(",")]
    return [(int(count), int(cap or 0)) for count, _, cap in pairs]


async def rows(pbx: LinePbx) -> list[str]:
    lines: list[Mapping[str, str]] = []
    async with pbx:
        for count, cap in sizes():
            with tempfile.TemporaryDirectory() as folder:
                async with Site(pbx, Path(folder), cap or count) as site:
                    facts = await Run(pbx, site, count, cap).measure()
            first = {"posted": str(count), "tel.": str(count // PHONES), "cap": str(cap or "-")}
            alone = await telephones_alone(pbx, count + count // PHONES)
            lines.append({**first, **facts, "telephones alone": alone})
            print(f"{pbx.name}: {lines[-1]}", file=sys.stderr, flush=True)
        return [f"{pbx.name}, {AGENTS} agents", "", *_table(lines), "", *await kills(pbx)]


def _table(lines: Sequence[Mapping[str, str]]) -> list[str]:
    """Names down, sizes across: there are more of the former."""
    names = list(lines[0]) if lines else []
    return [f"{name:>18}" + "".join(f"{line[name]:>16}" for line in lines) for name in names]


def table() -> str:
    """All PBXs there are, ready to print."""
    said = ["callers without a telephone and telephones in one queue of a real PBX", ""]
    for pbx in halves():
        said += [*asyncio.run(rows(pbx)), ""]
    if NAMED not in os.environ:
        said.append(f"FreeSWITCH: not tried; {NAMED}=host:port:password names one")
    return "\n".join(said).rstrip()
