"""Whether a record is what it says: its numbers and lists made again."""
