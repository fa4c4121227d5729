"""Settings for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connectors.settings import PbxSettings


def settings_for(port: int, folder: Path | None = None, **values: Any) -> PbxSettings:
    return PbxSettings.model_validate(
        {
            "name": "hq",
            "kind": "asterisk",
            "server": "http://127.0.0.1:9",
            "key": "pbx-key",
            "host": "127.0.0.1",
            "port": port,
            "username": "tandem",
            "secret": "right",
            "domain": "pbx.example.org",
            "outbox": str((folder or Path()) / "outbox.db"),
            **values,
        }
    )
