"""The laboratory's fixtures."""

from __future__ import annotations

from tests.lab.fixtures import lab, pbx, phones, prefix, tandem

__all__ = ["lab", "pbx", "phones", "prefix", "tandem"]
