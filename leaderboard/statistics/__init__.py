"""What predictions say about a number: items, intervals, paired tests, ranks."""
