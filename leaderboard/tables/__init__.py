"""The tables: which records are compared, cells, ranks, costs, and the papers' numbers."""
