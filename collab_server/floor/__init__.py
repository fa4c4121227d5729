"""The floor: what supervisors see of everybody, and how they take part."""
