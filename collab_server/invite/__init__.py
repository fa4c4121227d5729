"""How an invitation reaches a terminal: the ways, their rows, the worker that sends, the limits."""
