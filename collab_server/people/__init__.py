"""The people who serve: agents, their log-ins, their desk."""
