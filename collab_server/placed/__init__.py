"""Calls without a telephone: a site posts them, a placeholder waits for them in the PBX's queue."""
