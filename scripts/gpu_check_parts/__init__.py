"""What scripts/gpu_check.py measures, part by part."""
