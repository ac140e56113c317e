"""What a run will do, before any work: lists, stages, identity, and the code that decides it."""
