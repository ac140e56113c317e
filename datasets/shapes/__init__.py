"""Shapes: the embedded world of coloured shapes that move, made by code from a seed."""
