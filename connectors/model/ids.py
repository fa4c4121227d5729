"""Names that every value uses: ids given by the PBX, and the types of collaboration."""

from __future__ import annotations

LegId = str
BridgeId = str

COLLAB_TYPES = ("form", "cobrowse", "chat", "whiteboard", "files", "screen", "video")
"""Collaboration types a call can carry; anything else leaves the call an ordinary one."""
