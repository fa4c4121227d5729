"""``python -m tests.bench``: every table; with names, those tables."""

from __future__ import annotations

import sys

from tests.bench import ami, latency

TABLES = {"ami": ami.table, "latency": latency.table}


def main() -> None:
    for name in sys.argv[1:] or TABLES:
        print(TABLES[name](), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
