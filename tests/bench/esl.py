"""ESL events a client CPU-second: our reader and core, greenswitch as it comes, bare asyncio."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.bench.eslevents import ROOT, Line, joined, made_up, queue_call

READERS = ("greenswitch", "bare", "tandem")
REPEATS = 3
BYTES = 18_000_000
"""Of JSON, about, that each run sends."""
RATE = 20e6
"""Bytes a second they are sent at: more than twice of what a FreeSWITCH sends at its ceiling."""
TIMEOUT = 300.0
LONGER = 5_500
"""Bytes of an event with 100 headers in the measurements that the goals were set by (facts:
libraries.md): 1.5 times greenswitch's events with 15 headers, 3 times with 100, where a reader
parses only what is wanted of it. The rows in which one in ten is wanted have their conditions."""


@contextmanager
def feeder(events: Sequence[Line], rounds: int) -> Iterator[int]:
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("json", "plain"):
            (Path(folder) / kind).write_bytes(joined(events, kind))
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.eslfeeder", folder, str(rounds), str(RATE)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()
            process.wait(10)


def measure(events: Sequence[Line], rounds: int) -> dict[str, list[float]]:
    """Events a CPU-second of each reader, of runs that take turns."""
    rates: dict[str, list[float]] = {name: [] for name in READERS}
    with feeder(events, rounds) as port:
        for _ in range(REPEATS):
            for name in READERS:
                done = subprocess.run(
                    [sys.executable, "-m", "tests.bench.eslreaders", name, str(port)],
                    cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT, check=True,
                )  # fmt: skip
                _seen, seconds = done.stdout.split()
                rates[name].append(len(events) * rounds / float(seconds))
    return rates


def table() -> str:
    """The table, ready to print."""
    mixes = {
        "15 headers, all": made_up(15, 1.0),
        "15 headers, half": made_up(15, 0.5),
        "15 headers, 1 in 10": made_up(15, 0.1),
        "100 headers, all": made_up(100, 1.0),
        "100 headers, 1 in 4": made_up(100, 0.25),
        "100 longer, 1 in 10": made_up(100, 0.1, LONGER),
        "a recorded call": queue_call(),
    }
    lines = [
        f"ESL events a client CPU-second (median of {REPEATS}, in turns; x: against greenswitch)",
        "",
        f"{'events, wanted':<20}{'bytes':>6}{'events':>9}  "
        + "".join(f"{name:>13}{'x':>6}" for name in READERS),
    ]
    for title, events in mixes.items():
        size = len(joined(events, "json"))
        rounds = max(1, BYTES // size)
        found = measure(events, rounds)
        rates = {name: median(some) for name, some in found.items()}
        row = f"{title:<20}{size // len(events):>6}{len(events) * rounds:>9}  "
        row += "".join(
            f"{rates[name]:>11,.0f}/s{rates[name] / rates['greenswitch']:>6.2f}" for name in READERS
        )
        lines.append(row)
    return "\n".join(lines)
