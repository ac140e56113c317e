"""Known faults of published lists, texts, captions and evaluations."""
