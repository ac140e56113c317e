"""Metrics from arrays: plain functions on scores, no network in sight."""
