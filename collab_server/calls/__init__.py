"""Calls as connectors report them, and the trace that says what became of each."""
