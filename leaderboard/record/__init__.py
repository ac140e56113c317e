"""The record of a run: its fields, its identity, its predictions, and where it lies."""
