"""Sessions: what binds a user, an agent and a type, from the request to the end."""
