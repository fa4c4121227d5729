"""``python -m tests.bench``: every table; with names, those tables."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

from tests.bench import ami, answer, ceiling, esl, latency, line

TABLES: dict[str, Callable[[], str]] = {
    "ami": ami.table,
    "esl": esl.table,
    "ceiling": ceiling.table,
    "latency": partial(latency.table, "asterisk"),
    "esl-latency": partial(latency.table, "freeswitch"),
    "answer": answer.table,
    "line": line.table,
}


def main() -> None:
    for name in sys.argv[1:] or TABLES:
        print(TABLES[name](), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
