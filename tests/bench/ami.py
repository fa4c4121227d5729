"""AMI events a client CPU-second: our reader and core, panoramisk as it comes, bare asyncio."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from connectors.asterisk.events import EVENTS

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "captures" / "asterisk-22" / "load_5cps.ami"
READERS = ("panoramisk", "bare", "tandem")
REPEATS = 3
TIMEOUT = 300.0


def frames(data: bytes) -> list[bytes]:
    """The events of a recorded stream, login and answers left out."""
    return [part for part in data.split(b"\r\n\r\n") if part.startswith(b"Event: ")]


def is_wanted(frame: bytes) -> bool:
    return frame[7 : frame.index(b"\r\n")].decode() in EVENTS


def diluted(recorded: list[bytes], share: float) -> list[bytes]:
    """The recorded events with each unwanted one repeated until `share` of all are wanted."""
    wanted = sum(map(is_wanted, recorded))
    unwanted = len(recorded) - wanted
    times = (wanted / share - wanted) / unwanted
    mixed, owed = [], 0.0
    for frame in recorded:
        if is_wanted(frame):
            mixed.append(frame)
            continue
        owed += times
        while owed >= 1:
            mixed.append(frame)
            owed -= 1
    return mixed


@contextmanager
def feeder(events: list[bytes], rounds: int) -> Iterator[int]:
    with tempfile.NamedTemporaryFile(suffix=".ami") as file:
        file.write(b"\r\n\r\n".join(events) + b"\r\n\r\n")
        file.flush()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.feeder", file.name, str(rounds)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()
            process.wait(10)


def measure(events: list[bytes], rounds: int) -> dict[str, float]:
    """Events a CPU-second of each reader: the median of runs that take turns."""
    rates: dict[str, list[float]] = {name: [] for name in READERS}
    with feeder(events, rounds) as port:
        for _ in range(REPEATS):
            for name in READERS:
                done = subprocess.run(
                    [sys.executable, "-m", "tests.bench.readers", name, str(port)],
                    cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT, check=True,
                )  # fmt: skip
                _seen, seconds = done.stdout.split()
                rates[name].append(len(events) * rounds / float(seconds))
    return {name: median(found) for name, found in rates.items()}


def table() -> str:
    """The table, ready to print."""
    recorded = frames(RECORDED.read_bytes())
    mixes = {
        "recorded mix": recorded,
        "5 % wanted": diluted(recorded, 0.05),
    }
    lines = [
        f"AMI events a client CPU-second (median of {REPEATS}, in turns; x: against panoramisk)",
        "",
        f"{'mix':<14}{'wanted':>8}{'events':>9}  "
        + "".join(f"{name:>13}{'x':>6}" for name in READERS),
    ]
    for title, events in mixes.items():
        rounds = max(1, 250_000 // len(events))
        rates = measure(events, rounds)
        share = sum(map(is_wanted, events)) / len(events)
        row = f"{title:<14}{share:>8.1%}{len(events) * rounds:>9}  "
        row += "".join(
            f"{rates[name]:>11,.0f}/s{rates[name] / rates['panoramisk']:>6.2f}" for name in READERS
        )
        lines.append(row)
    return "\n".join(lines)
