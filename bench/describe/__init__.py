"""Datasets and protocols in words, for the terminal."""
