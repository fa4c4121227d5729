"""The simulator, seen over real sockets by a client that knows nothing of the connector."""
