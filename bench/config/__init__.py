"""The configuration of a run: its schema, the layers that are merged, and flags as keys."""
