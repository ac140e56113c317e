"""vclipbench: the fair comparison of methods that adapt CLIP to video."""

__version__ = "0.1.0"
