"""Reading videos, the datasets, and the embedded Shapes world. Imports nothing heavy (see docs)."""
