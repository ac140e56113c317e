"""Training: the stream of batches, one stage in mmengine's runner, and trainings by address."""
